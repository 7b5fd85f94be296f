"""One row of each protocol as its gateway writes it."""

from __future__ import annotations

BASE64_ROW = {
    "offerId": 699490252651,
    "subject": "2023厚底女士凉鞋",
    "price": "12.50",
    "saleCount": "1.2万+",
    "minOrder": "2件起批",
    "sellerNick": "义乌鞋厂",
    "isGoldSupplier": "true",
    "imageUrl": "//cbu01.alicdn.com/img/a.jpg",
    "detailUrl": "https://detail.1688.com/offer/699490252651.html?from=rank",
    "priceRangeList": [{"startQuantity": 2, "price": "12.50"}, {"startQuantity": 100, "price": "11"}],
    "repurchaseRate": "10%",
}
OPENPLATFORM_ROW = {
    "itemId": 699490252651,
    "title": "2023厚底女士凉鞋",
    "translateTitle": "2023 thick-soled ladies sandals",
    "imgUrl": "http://img.china.alibaba.com/img/a.jpg",
    "sort": 3,
    "serviceList": ["sendGoods48H"],
    "buyerNum": 1334,
    "soldOut": 433454,
    "goodsScore": "5",
}
