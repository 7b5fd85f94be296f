"""Titles as sellers write them, their translations, and suppliers' names."""

from __future__ import annotations

from random import Random

from toplist.sandbox.catalogue import Category, names

_CITIES = ("义乌市", "广州市", "杭州市", "深圳市", "泉州市", "东莞市", "温州市", "金华市", "汕头市", "佛山市")
_FIRST = "锦鸿瑞恒盛嘉欣华博雅优卓凯润亿达尚美益佳"
_SECOND = "源泰丰翔宇森诚悦霖彩腾祥铭维帆语格希洋途"
_FORMS = ("有限公司", "有限公司", "有限公司", "有限公司", "商行", "厂")


def title(category: Category, year: int, random: Random) -> tuple[str, str]:
    """A title and its translation, for an offer of this category that was first listed in `year`."""
    words = names()["groups"][category.group]
    picked = [random.choice(words[part]) for part in ("lead", "style", "feature", "use")]
    lead, style, feature, use = (chinese for chinese, _ in picked)
    noun = category.name.replace("/", "").replace("、", "")
    chinese = f"{year}{lead}{style}{feature}{noun}{use}{random.choice(('', '批发', '厂家直供', '一件代发', '货源'))}"
    lead, style, feature, use = (english for _, english in picked)
    return chinese, f"{year} {lead} {style} {feature} {category.english} {use}"


def supplier(category: Category, random: Random) -> str:
    """A supplier of this category's trade, such as 义乌市锦源服饰有限公司."""
    trade = names()["groups"][category.group]["trade"]
    return f"{random.choice(_CITIES)}{random.choice(_FIRST)}{random.choice(_SECOND)}{trade}{random.choice(_FORMS)}"
