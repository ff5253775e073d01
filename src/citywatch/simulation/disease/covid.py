"""COVID-19 as it was in 2020, before vaccines.

Incubation: mean 5.2 d, log-normal (Li et al. 2020, as used by He et al., Nat Med 2020). Infectiousness: from 2.3 d
before onset, peak 0.7 d before it, 44 % before onset (He et al. 2020). R0 2.0-2.2, household secondary attack 15.6 %
(Wang X. et al., BMC Infect Dis 2020, Beijing). Asymptomatic: 9 % of Beijing's market outbreak (33 of 368).
Overdispersion near k 0.3 (reported between 0.1 and 0.5). Care seeking and the weight of places are assumed.
"""

from typing import Final

from citywatch.simulation.disease.history import Care, NaturalHistory

COVID: Final = NaturalHistory(
    code="covid-19",
    name_zh="新型冠状病毒肺炎",
    name_en="COVID-19",
    incubation_median=((200, 4.761),),  # with the spread below a mean of 5.2
    incubation_log_sd=((200, 0.42),),
    profile_begins=-2.3067,
    profile_shape=2.1158,
    profile_scale=1.4496,
    latent_least=1.0,
    outside=2.6,
    individual=0.4,
    household_attack=0.175,
    asymptomatic=0.09,
    asymptomatic_infectiousness=0.5,
    susceptibility=((20, 0.5), (200, 1.0)),  # children about half as susceptible (assumed from household studies)
    mixing={
        "workplace": 1.0,
        "warehouse": 1.0,
        "school": 0.6,
        "restaurant": 2.5,
        "transport": 0.6,
        "hall": 1.0,
        "shop": 1.0,
        "park": 0.2,
        "institution": 1.0,
        "nursing_home": 1.5,
    },
    symptoms=(("fever", 0.85), ("cough_throat", 0.65), ("diarrhoea", 0.06)),
    care=Care(
        pharmacy=0.5,
        clinic=0.45,
        fever_clinic=0.35,
        cards=1.0,
        card_code="0103",
        card_class="2",
        drugs=(("antipyretic", 0.5), ("cough", 0.4), ("antiviral", 0.1)),
        delay_mean=2.5,  # onset to clinic 1-4 d
        tested=True,
    ),
)
