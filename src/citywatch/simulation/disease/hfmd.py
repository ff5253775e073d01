"""Hand-foot-and-mouth disease.

Incubation: median 4.4 d in kindergartens (8.8 % beyond 10 d), 4.7 d in primary and 5.7 d in secondary schools (23.2 %
beyond 10 d; Yang et al., Sci Rep 2017); the spreads follow from those shares, the primary schools' is assumed between.
Serial interval about 3.7 d, so much of it is passed on before the rash. Reproduction 2.4 (A16) to 5.0 (A6) among the
very young (Lim et al. 2016). Almost all cases are under six. Care and the weight of places are assumed.
"""

from typing import Final

from citywatch.simulation.disease.history import Care, NaturalHistory

HFMD: Final = NaturalHistory(
    code="hfmd",
    name_zh="手足口病",
    name_en="Hand, foot and mouth disease",
    incubation_median=((6, 4.4), (12, 4.7), (200, 5.7)),
    incubation_log_sd=((6, 0.607), (12, 0.65), (200, 0.768)),
    profile_begins=-3.0,
    profile_shape=2.0,
    profile_scale=0.75,
    latent_least=1.0,
    outside=7.0,
    individual=1.0,
    household_attack=0.3,
    asymptomatic=0.3,
    asymptomatic_infectiousness=0.5,
    susceptibility=((6, 1.0), (12, 0.2), (200, 0.02)),
    mixing={"school": 2.0, "restaurant": 0.2, "park": 0.5, "shop": 0.2, "institution": 0.5},
    symptoms=(("rash", 0.9), ("fever", 0.5)),
    care=Care(
        pharmacy=0.1,
        clinic=0.55,
        fever_clinic=0.02,
        cards=0.85,
        card_code="4000",
        card_class="1",
        drugs=(("antipyretic", 0.7), ("antiviral", 0.3)),
        delay_mean=1.2,
        child_clinic=1.3,
        stays_home=0.95,
        days_home=8.0,
    ),
)
