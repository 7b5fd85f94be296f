"""A client of the sandbox that signs by itself, so that the product's signatures don't vouch for themselves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from toplist.sandbox.process import SandboxProcess

NEW = "param2/1/com.alibaba.product/product.topList.query/"
CLASSIC = "param2/1/com.alibaba.item/alibaba.item.search.best/"
RANKING = "param2/1/com.alibaba.fenxiao.crossborder/product.topList.query/"
CATEGORY = "param2/1/com.alibaba.product/alibaba.category.get/"
CLOCK = "param2/1/system/currentTime/"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        """The code of either envelope; None where the answer is no refusal."""
        if "error_response" in self.json:
            return self.json["error_response"]["code"]
        return self.json.get("error_code")

    @property
    def rows(self) -> Any:
        (outer,) = self.json.values()
        return outer["result"].get("itemList") if "success" not in outer else outer["result"]["rankProductModels"]


def now_ms(offset: float = 0) -> str:
    return str(int((time.time() + offset) * 1000))


def mac(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()


class Client:
    """One kept-alive connection, opened again when the gateway has closed it."""

    def __init__(self, sandbox: SandboxProcess, timeout: float = 5):
        self.sandbox = sandbox
        self.connection = HTTPConnection(urlsplit(sandbox.url).netloc, timeout=timeout)

    def post(self, path: str, params: dict[str, str]) -> Reply:
        return self.read(self.open(path, params))

    def open(self, path: str, params: dict[str, str]) -> HTTPResponse:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request("POST", f"/openapi/{path}", urlencode(params), form)
        return self.connection.getresponse()

    @staticmethod
    def read(response: HTTPResponse) -> Reply:
        return Reply(response.status, dict(response.headers), response.read())

    def sign_base64(self, params: dict[str, str]) -> dict[str, str]:
        text = "".join(key + params[key] for key in sorted(params))
        return params | {"sign": base64.b64encode(mac(self.sandbox.app_secret, text)).decode()}

    def sign_openplatform(self, path: str, params: dict[str, str]) -> dict[str, str]:
        text = path + "".join(sorted(key + value for key, value in params.items()))
        return params | {"_aop_signature": mac(self.sandbox.app_secret, text).hex().upper()}

    def new_params(self, rank_type: str = "hot", category: str = "10166", **changes: str) -> dict[str, str]:
        params = {"app_key": self.sandbox.app_key, "timestamp": now_ms(), "rankType": rank_type}
        return params | {"categoryId": category, "page": "1", "pageSize": "20"} | changes

    def new(self, rank_type: str = "hot", category: str = "10166", **changes: str) -> Reply:
        return self.post(NEW, self.sign_base64(self.new_params(rank_type, category, **changes)))

    def classic(self, rank_type: str = "best", category: str = "10166", **changes: str) -> Reply:
        params = {"app_key": self.sandbox.app_key, "timestamp": now_ms(), "sort_type": rank_type, "cat": category}
        return self.post(CLASSIC, self.sign_base64(params | {"page": "1", "pageSize": "20"} | changes))

    def ranking_params(self, rank_type: str = "hot", category: str = "10166", limit: int = 20) -> dict[str, str]:
        query = {"rankId": category, "rankType": rank_type, "limit": limit, "language": "en"}
        stamped = {"access_token": self.sandbox.access_token, "_aop_timestamp": now_ms()}
        return stamped | {"rankQueryParams": json.dumps(query)}

    def ranking(self, rank_type: str = "hot", category: str = "10166", *, limit: int = 20, **changes: str) -> Reply:
        return self.openplatform(RANKING, self.ranking_params(rank_type, category, limit) | changes)

    def openplatform(self, path: str, params: dict[str, str]) -> Reply:
        path += self.sandbox.app_key
        return self.post(path, self.sign_openplatform(path, params))

    def arrivals(self) -> int:
        return int(self.sandbox.state(10**9)["arrivals"])

    def last(self) -> dict[str, Any]:
        record: dict[str, Any] = self.sandbox.state(self.arrivals() - 1)["requests"][0]
        return record
