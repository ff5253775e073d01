"""The catalogue of methods: under which name one is asked for, what may be set, and where its defaults come from.

One table, `METHODS`, for the command line, the desk's page of detectors and the trial of a changed setting. What a
method's settings are called, of which kind they are and what they are by default is read from the function itself, so
that a method cannot say one thing here and do another.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal

from citywatch.science.detect import (
    Detection,
    bayes,
    citywatch,
    cusum,
    ears,
    ewma_regression,
    farrington,
    farrington_flexible,
    glr,
    historical_limits,
    moving_percentile,
    outbreak_p,
    rki,
)
from citywatch.science.detect.catalogue.method import Method, Setting, Words

__all__ = ["ALIASES", "METHODS", "Method", "Setting", "Words"]

_HUTWAGNER = "Hutwagner et al. 2003, J Urban Health 80 (Suppl 1):i89"
_FRICKER = "thresholds in Fricker et al. 2008, Stat Med 27:3407"
_ALTMANN = "Altmann 2003, The surveillance system of the Robert Koch Institute"
_RIEBLER = "Riebler 2004; Höhle 2007, Comput Stat 22:571"

_HOEHLE = "Höhle & Paul 2008, CSDA 52:4357"

_TWO_SIDED = Words("双侧误报概率", "two-sided chance of a false alarm")
_GLR_WORDS: Mapping[str, Words] = {
    "alpha": Words("离散度", "dispersion: variance is mean + alpha * mean^2; null: estimated from the past"),
    "mean": Words("期望值", 'expected number: a model such as {"S": 1, "trend": false}, or given'),
    "threshold": Words("报警界限", "log likelihood ratio from which there is an alarm"),
}

_SETTING_WORDS: Mapping[str, Words] = {
    "alpha": Words("单侧误报概率", "one-sided chance of a false alarm"),
    "b": Words("回看的年数", "years looked back"),
    "baseline": Words("基线点数", "points in the baseline"),
    "before": Words("此前各点的权重", "what a point just before counts, as against this one"),
    "change": Words("变化的形式", "what changes in an outbreak: the level"),
    "direction": Words("方向", "whether a rise or a fall is watched for"),
    "guard": Words("护栏点数", "points left out between the baseline and the point judged"),
    "h": Words("报警界限", "decision limit of the chart"),
    "half_window": Words("同期前后各取的点数", "points taken before and after the same time of past years"),
    "include_current_year": Words("是否取本年紧邻的点", "whether the points just before are compared with, too"),
    "k": Words("参考值", "reference value of the chart"),
    "least": Words("基线中至少需有的点数", "how many points of the baseline are enough; null: as the method says"),
    "least_cases": Words("最少病例数", "fewest cases that make an alarm"),
    "least_fit": Words("回归所需的调整 R²", "adjusted R squared below which smoothing takes over"),
    "max_window": Words("最长窗口", "longest window looked back; -1: no limit"),
    "mean": Words("期望值", 'expected number: null the plain mean of the past, "glm" a seasonal regression, or given'),
    "min_sigma": Words("最小标准差", "least standard deviation"),
    "min_window": Words("最短窗口", "shortest window"),
    "minimum_cases": Words("最少病例数及点数", "fewest cases, in so many points, below which nothing alarms"),
    "past_weeks_excluded": Words("排除的最近点数", "newest points left out of the baseline; null: half_window"),
    "percentile": Words("百分位数", "percentile of the baseline above which a count alarms"),
    "periods": Words("季节分段数", "season levels of a year"),
    "population_offset": Words("是否以人口为偏移量", "whether the population column is the denominator"),
    "power_transform": Words("幂变换", "scale on which the forecast error is normal"),
    "ret": Words("上界的含义", "what upperbound is: a number of cases or the statistic itself"),
    "reweight": Words("是否降低往期疫情权重", "whether past outbreaks are weighed down"),
    "smoothing": Words("平滑权重", "weights of the newest point in the smoothing, each tried"),
    "theta": Words("抬升幅度的对数", "log of a known rise; null: the best one is sought"),
    "threshold_method": Words("上界算法", "how the bound is found"),
    "transform": Words("标准化变换", "how counts are brought to a normal scale"),
    "trend": Words("是否含趋势", "whether a trend may be fitted"),
    "trend_p_value": Words("趋势保留的 p 值", "p-value below which the trend stays"),
    "w": Words("窗口点数", "points just before, and to either side of the same time of past years"),
    "weights_threshold": Words("降权起点", "residual from which a past point is weighed down"),
    "years_back": Words("回看的年数", "years looked back"),
}


def _method(
    name: str,
    function: Callable[..., Detection],
    words: Words,
    idea: Words,
    *,
    also: Mapping[str, Words] | None = None,
    **more: Any,
) -> Method:
    """A row of the table. R's names and defaults stand in the method's module; `also` words what is its own."""
    module = sys.modules[function.__module__]
    settings = inspect.signature(function).parameters
    theirs = getattr(module, "R_NAMES", {})
    more.setdefault("r_names", {r: ours for r, ours in theirs.items() if ours in settings})
    if hasattr(module, "R_DEFAULTS"):
        more.setdefault("r_defaults", module.R_DEFAULTS.get(function.__name__, module.R_DEFAULTS))
    return Method(name, function, words, idea, setting_words={**_SETTING_WORDS, **(also or {})}, **more)


_AS_GLR_WAS = "threshold 5 and one harmonic as in Höhle & Paul 2008, no limit to the window"
_AS_EARS_WERE = (
    "three sigma (two for C3) and 7 points as published; min_sigma 0 as published, give 0.5 for sparse series"
)

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        _method(
            "ears-c1",
            ears.ears_c1,
            Words("EARS C1", "EARS C1"),
            Words("高于紧邻的前几个点的均值与波动", "far above the mean and spread of the points just before"),
            source=f"{_HUTWAGNER}; {_FRICKER}",
            defaults_from=_AS_EARS_WERE,
            own={"min_sigma": 0.0},
            stands_for={"method": ("C1",)},
        ),
        _method(
            "ears-c2",
            ears.ears_c2,
            Words("EARS C2", "EARS C2"),
            Words("同 C1，但基线止于两个点之前", "as C1, with two points left out between baseline and today"),
            source=f"{_HUTWAGNER}; {_FRICKER}",
            defaults_from=_AS_EARS_WERE,
            own={"min_sigma": 0.0},
            stands_for={"method": ("C2",)},
        ),
        _method(
            "ears-c3",
            ears.ears_c3,
            Words("EARS C3", "EARS C3"),
            Words("连续三个点累计偏高", "three points raised together, none of them perhaps enough alone"),
            source=f"{_HUTWAGNER}; the bound as in Salmon et al. 2016, J Stat Softw 70(10)",
            defaults_from=_AS_EARS_WERE,
            own={"min_sigma": 0.0},
            stands_for={"method": ("C3",)},
        ),
        _method(
            "farrington",
            farrington.farrington,
            Words("Farrington 1996", "Farrington 1996"),
            Words("高于往年同周及趋势的预测", "above what the same weeks of past years and their trend foretell"),
            source="Farrington et al. 1996, JRSS A 159:547",
            defaults_from="as published; two-sided alpha 0.01 as in the comparison of Bédubourg & Le Strat 2017",
            kinds={"minimum_cases": tuple[int, int]},
            also={"alpha": _TWO_SIDED},
            r_keeps_silent=True,
            r_knows_dates=True,
        ),
        _method(
            "farrington-flexible",
            farrington_flexible.farrington_flexible,
            Words("Farrington 灵活法", "Farrington flexible"),
            Words("高于季节因子与趋势的预测", "above what season and trend of past years foretell"),
            source="Noufaily et al. 2013, Stat Med 32:1206",
            defaults_from="Noufaily et al. 2013: 10 periods, 26 weeks left out, weights from 2.58, alpha 0.01",
            kinds={"minimum_cases": tuple[int, int]},
            r_keeps_silent=True,
            r_knows_dates=True,
        ),
        _method(
            "cusum",
            cusum.cusum,
            Words("CUSUM", "CUSUM"),
            Words("超出期望的部分逐点累加", "excesses over the expected number, added up"),
            source="Page 1954, Biometrika 41:100; Rossi et al. 1999, Stat Med 18:2111",
            defaults_from="k and h of Rossi et al. 1999 (in control for 500 points), their transform",
            kinds={"mean": Literal["glm"] | float | tuple[float, ...] | None},
            also={"alpha": Words("离散度", "dispersion for the NegBin transforms; null: estimated from the past")},
        ),
        _method(
            "glr-nb",
            glr.glr_nb,
            Words("负二项 GLR", "Negative binomial GLR"),
            Words("自上次报警以来均值抬升的证据", "evidence since the last alarm that the mean has risen"),
            source=_HOEHLE,
            defaults_from=_AS_GLR_WAS,
            kinds={"mean": Mapping[str, object] | float | tuple[float, ...]},
            also=_GLR_WORDS,
        ),
        _method(
            "glr-poisson",
            glr.glr_poisson,
            Words("泊松 GLR", "Poisson GLR"),
            Words("同上，适用于泊松计数", "as glr-nb, for counts that vary as Poisson does"),
            source=_HOEHLE,
            defaults_from=_AS_GLR_WAS,
            kinds={"mean": Mapping[str, object] | float | tuple[float, ...]},
            also=_GLR_WORDS,
            stands_for={"alpha": (0, 0.0)},
        ),
        _method(
            "moving-percentile",
            moving_percentile.moving_percentile,
            Words("移动百分位数法", "Moving percentile (CIDARS)"),
            Words("高于往年同期的百分位数", "above a percentile of the same weeks of past years"),
            source="Yang et al. 2011, WPSAR 2(1):10; Wang et al. 2017, 10.1186/s12889-017-4488-0",
            defaults_from="5 years, 2 weeks either side, P80 of the national system (Wang et al. 2017)",
        ),
        *(
            _method(
                name,
                bayes.bayes,
                Words(f"贝叶斯法 {name[-1]}", f"Bayes {name[-1]}"),
                Words("参考周数据下泊松率的后验预测", "improbable for a Poisson rate learned from reference weeks"),
                source=_RIEBLER,
                defaults_from="the published preset of this name",
                own=preset,
                r_defaults={},
            )
            for name, preset in bayes.PRESETS.items()
        ),
        *(
            _method(
                name,
                rki.rki,
                Words(f"RKI 法 {name[-1]}", f"RKI {name[-1]}"),
                Words(
                    "高于参考周均值两个标准差",
                    "two standard deviations above reference weeks, a table for small counts",
                ),
                source=_ALTMANN,
                defaults_from="the published preset of this name",
                own=preset,
                r_defaults={},
            )
            for name, preset in rki.PRESETS.items()
        ),
        _method(
            "outbreak-p",
            outbreak_p.outbreak_p,
            Words("outbreakP", "outbreakP"),
            Words("自水平状态起单调上升的似然比", "a rise above the level so far, whatever its shape"),
            source="Frisén, Andersson & Schiöler 2009, Stat Med 28:476",
            defaults_from="k 100 as published",
            also={"k": Words("报警界限", "statistic above which there is an alarm")},
        ),
        _method(
            "ewma-regression",
            ewma_regression.ewma_regression,
            Words("回归/EWMA 切换法", "Regression or EWMA (ESSENCE)"),
            Words(
                "日数据：星期与趋势回归，不合适时改用 EWMA",
                "daily counts: trend and weekday, or smoothing where these fail",
            ),
            source="Burkom et al. 2007, Stat Med 26:4202; Elbert & Burkom 2009, Stat Med 28:3226",
            defaults_from="28 days, 2 guard days, weights 0.4 and 0.9 as in ESSENCE; alpha 0.01 its red",
        ),
        _method(
            "historical-limits",
            historical_limits.historical_limits,
            Words("历史限值法（CDC）", "CDC historical limits"),
            Words("四周合计高于往年同期", "more cases in four weeks than in such weeks of past years"),
            source="Stroup et al. 1989, Stat Med 8:323",
            defaults_from="5 years and 15 periods as published; two-sided alpha 0.025",
            also={"alpha": _TWO_SIDED},
            r_defaults={},
            aliases=("cdc",),
        ),
        _method(
            "citywatch",
            citywatch.citywatch,
            Words("城市卫哨法", "CityWatch"),
            Words("疫情此刻或刚刚开始的可能性", "how likely it is that an outbreak has begun, now or just before"),
            source="docs/science/citywatch-method.md, 2026",
            defaults_from="one rule for all series, chosen on simulated outbreaks other than those it is judged on",
            also={"alpha": Words("误报概率", "chance of a false alarm at a point")},
        ),
    )
}
"""Every method by its name on the command line."""

ALIASES: Mapping[str, str] = {alias: method.name for method in METHODS.values() for alias in method.aliases}
"""Other names people know a method by."""
