"""A logical call: what is asked, before anyone stamps or signs it."""

from __future__ import annotations

from dataclasses import dataclass

from toplist.ranktypes import Protocol

FENXIAO = "com.alibaba.fenxiao.crossborder"


@dataclass(frozen=True, slots=True)
class Api:
    """One API of the gateway: `param2/1/{namespace}/{name}/`."""

    namespace: str
    name: str
    signed_as: Protocol
    needs_token: bool = False

    @property
    def path(self) -> str:
        """From ``param2``, with the closing slash that an app key may follow."""
        return f"param2/1/{self.namespace}/{self.name}/"


TOP_LIST_BASE64 = Api("com.alibaba.product", "product.topList.query", Protocol.BASE64)
BEST_BASE64 = Api("com.alibaba.item", "alibaba.item.search.best", Protocol.BASE64)
TOP_LIST = Api(FENXIAO, "product.topList.query", Protocol.OPENPLATFORM, needs_token=True)
CATEGORY_GET = Api("com.alibaba.product", "alibaba.category.get", Protocol.OPENPLATFORM)
CURRENT_TIME = Api("system", "currentTime", Protocol.OPENPLATFORM)
QUERY_DETAIL = Api(FENXIAO, "product.search.queryProductDetail", Protocol.OPENPLATFORM, needs_token=True)
UNITS_TREND = Api(FENXIAO, "product.analyze.getPerdaySellQuantityTrendNew", Protocol.OPENPLATFORM, needs_token=True)
PRICE_TREND = Api(FENXIAO, "product.analyze.getThirtyDayMedianPriceTrendNew", Protocol.OPENPLATFORM, needs_token=True)
REPURCHASE_TREND = Api(FENXIAO, "product.analyze.getRepurchaseRateTrendNew", Protocol.OPENPLATFORM, needs_token=True)
#: Alone unsigned: its form carries the secret itself, see `toplist.api.tokens`.
GET_TOKEN = Api("system.oauth2", "getToken", Protocol.OPENPLATFORM)


@dataclass(frozen=True, slots=True)
class Call:
    """An API with its own parameters; the system's (key, token, timestamp, signature) are added when it is sent."""

    api: Api
    params: dict[str, str]
