"""The real-name register of the four classes of medicine: antipyretics, cough medicines, antivirals, antibiotics."""

from citywatch.city.sense.definitions import asked
from citywatch.mechanisms.forms.types import Answers, Form, Question
from citywatch.mechanisms.labels import Label


def _findings(answers: Answers) -> tuple[str, ...]:
    return (answers["drug_class"],)


FORM = Form(
    code="pharmacy-sale",
    version=1,
    stream="pharmacy",
    title=Label("四类药品销售登记", "Sale of the four drug classes"),
    occurred="sold_at",
    findings=_findings,
    questions=(
        Question(
            "sold_at", "moment", Label("购药时间", "Time of sale"), required=True, aliases=("销售时间", "购买时间")
        ),
        Question(
            "drug_class",
            "choice",
            Label("药品类别", "Drug class"),
            required=True,
            choices=asked.DRUG_CLASSES,
            aliases=("类别", "四类药类别"),
        ),
        Question(
            "quantity",
            "count",
            Label("数量（盒）", "Quantity (packs)"),
            required=True,
            low=1,
            high=999,
            aliases=("数量", "购买数量"),
        ),
        Question(
            "for_whom",
            "choice",
            Label("用药人", "For whom"),
            required=True,
            choices=(("self", Label("本人", "The buyer")), ("other", Label("他人", "Somebody else"))),
            aliases=("为谁购药", "使用人"),
        ),
        Question(
            "name",
            "text",
            Label("购药人姓名", "Buyer's name"),
            required=True,
            aliases=("姓名", "购买人姓名", "患者姓名"),
        ),
        asked.id_number(),
        asked.PHONE,
        Question("drug_name", "text", Label("药品名称", "Drug name"), aliases=("药名", "通用名", "商品名")),
        asked.symptoms(required=False),
        asked.temperature(),
        asked.travel(),
        asked.HOME_STREET,
        asked.address(),
    ),
)
