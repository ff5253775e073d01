"""Norovirus gastroenteritis.

Incubation: median 1.2 d, log-normal (Lee et al., BMC Infect Dis 2013; the spread, 5 % by 0.5 d, is theirs as recalled).
Serial interval 2-3 d; schools reproduce 2-7 (from memory of outbreak reports). Reported school outbreaks in China
average 89 cases (Dis Surveill 2014 29(7)). Household attack, asymptomatic share and the weight of places are assumed.
"""

from typing import Final

from citywatch.simulation.disease.history import Care, NaturalHistory

NOROVIRUS: Final = NaturalHistory(
    code="norovirus",
    name_zh="诺如病毒感染",
    name_en="Norovirus",
    incubation_median=((200, 1.2),),
    incubation_log_sd=((200, 0.5),),
    profile_begins=-0.2,
    profile_shape=1.6,
    profile_scale=0.85,
    latent_least=0.3,
    outside=2.7,
    individual=0.6,
    household_attack=0.25,
    asymptomatic=0.2,
    asymptomatic_infectiousness=0.2,
    susceptibility=((18, 1.0), (60, 0.35), (200, 0.5)),
    mixing={"school": 2.0, "restaurant": 1.0, "workplace": 0.25, "nursing_home": 3.0, "transport": 0.05},
    symptoms=(("vomiting", 0.8), ("diarrhoea", 0.5), ("fever", 0.15)),
    care=Care(
        pharmacy=0.08,
        clinic=0.4,
        fever_clinic=0.02,
        cards=0.5,
        card_code="3900",
        card_class="1",
        drugs=(("antibiotic", 1.0),),
        delay_mean=0.8,
        child_clinic=1.3,
        stays_home=0.85,
        days_home=2.0,
    ),
)
