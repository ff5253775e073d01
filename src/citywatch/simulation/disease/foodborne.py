"""Food poisoning from one meal, as Salmonella gives it: one source, hardly any onward infection.

Incubation 6-72 h, usually 12-36 h (WHO fact sheet on non-typhoidal Salmonella): log-normal with a median of 20 h and
95 % between 6 and 66 h. What share of those who ate falls ill is set for each meal. Care seeking is assumed.
"""

from typing import Final

from citywatch.simulation.disease.history import Care, NaturalHistory

FOODBORNE: Final = NaturalHistory(
    code="food-poisoning",
    name_zh="食源性疾病",
    name_en="Food-borne illness",
    incubation_median=((200, 0.83),),
    incubation_log_sd=((200, 0.61),),
    profile_begins=0.0,
    profile_shape=1.5,
    profile_scale=1.5,
    latent_least=0.5,
    outside=0.0,
    individual=1.0,
    household_attack=0.02,
    asymptomatic=0.1,
    asymptomatic_infectiousness=0.5,
    susceptibility=((200, 1.0),),
    mixing={},
    symptoms=(("diarrhoea", 0.9), ("vomiting", 0.5), ("fever", 0.5)),
    care=Care(
        pharmacy=0.1,
        clinic=0.45,
        fever_clinic=0.08,
        cards=0.5,
        card_code="3900",
        card_class="1",
        drugs=(("antibiotic", 0.7), ("antipyretic", 0.3)),
        delay_mean=0.7,
        stays_home=0.7,
        days_home=1.5,
    ),
)
