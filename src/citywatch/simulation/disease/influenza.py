"""Seasonal influenza.

Incubation: A, median 1.4 d, quartiles 1.1-1.9 d, log-normal (Lessler et al., Lancet Infect Dis 2009). Serial interval
2.6 d (2009 pandemic: 2.51, Currents 2009). R0 1.3. Children carry it: infection rate 31.9 % under five and 18.7 % at
5-14 years against 5.5 % of all in Beijing (Wu S. et al. 2017; PMC9148730); 40 % of infections lead to a visit there
(2.2 of 5.5 %). Household attack, asymptomatic share and the weight of places are assumed.
"""

from typing import Final

from citywatch.simulation.disease.history import Care, NaturalHistory

INFLUENZA: Final = NaturalHistory(
    code="influenza",
    name_zh="流行性感冒",
    name_en="Influenza",
    incubation_median=((200, 1.4),),
    incubation_log_sd=((200, 0.405),),  # ln(1.9 / 1.4) over the normal quartile
    profile_begins=-1.0,
    profile_shape=2.0,
    profile_scale=1.15,
    latent_least=0.5,
    outside=1.25,
    individual=1.0,
    household_attack=0.3,
    asymptomatic=0.25,
    asymptomatic_infectiousness=0.5,
    susceptibility=((5, 1.0), (15, 0.8), (60, 0.3), (200, 0.25)),
    mixing={
        "workplace": 0.8,
        "warehouse": 0.8,
        "school": 1.2,
        "restaurant": 1.0,
        "transport": 0.6,
        "hall": 0.5,
        "shop": 0.8,
        "park": 0.2,
        "institution": 1.0,
        "nursing_home": 2.5,
    },
    symptoms=(("fever", 0.8), ("cough_throat", 0.75)),
    care=Care(
        pharmacy=0.35,
        clinic=0.3,
        fever_clinic=0.1,
        cards=0.5,
        card_code="3500",
        card_class="1",
        drugs=(("antipyretic", 0.45), ("cough", 0.3), ("antiviral", 0.25)),
        delay_mean=1.5,
        child_clinic=1.6,
        stays_home=0.85,
        days_home=3.5,
    ),
)
