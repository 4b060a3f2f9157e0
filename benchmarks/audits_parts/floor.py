"""Audits by number: the chances that are stated, what a day comes to, and how often they renew a certificate."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from demands import Demand, Part, Size, at_least, at_most
from numpy.typing import NDArray
from scipy import stats

from handrail.audit_floor import Floor, PastDay, business_day, expected, past_days
from handrail.estimates import hajek
from handrail.policy import Calendar, SamplingPolicy
from handrail.sampling import RANDOM, SamplingRules, draw, in_number

ASKED = SamplingPolicy().at_least_a_day
SHARE, DAYS, WARM = 0.03, 60, 14
ALLOWED, DELTA = 0.02, 0.05
MONDAY, CALENDAR = datetime(2026, 3, 2, tzinfo=UTC), Calendar()


@dataclass(frozen=True)
class Shop:
    """How approvals arrive: on an ordinary day, at weekends, in how many draws, how unevenly from day to day."""

    a_day: int
    at_weekends: int
    batches: int
    spread: float = 0.0


SHOPS = {
    "40 a day in one draw": Shop(40, 40, 1),
    "40 a day, 12 at weekends, one draw": Shop(40, 12, 1),
    "40 a day, 12 at weekends, 8 draws": Shop(40, 12, 8),
    "40 a day one by one": Shop(40, 40, 40),
    "40 a day, days unlike by 40 %, 8 draws": Shop(40, 40, 8, 0.4),
    "75 a day in one draw": Shop(75, 75, 1),
}


def season(shop: Shop, rng: np.random.Generator) -> Iterator[tuple[int, int, int, float]]:
    """Each draw of the season: its day, approvals, audits taken at random, and their chance."""
    days: dict[datetime, list[tuple[datetime, int, int]]] = {}
    for day in range(WARM + DAYS):
        today = business_day(MONDAY + timedelta(days=day), CALENDAR)
        usual = shop.a_day if day % 7 < 5 else shop.at_weekends
        volume = rng.poisson(usual * np.exp(shop.spread * rng.standard_normal() - shop.spread**2 / 2))
        before = [(one, days.get(one.since, [])) for one in past_days(today, CALENDAR, timedelta(days=WARM))]
        here = days.setdefault(today.since, [])
        for number, approvals in enumerate(map(int, rng.multinomial(volume, np.ones(shop.batches) / shop.batches))):
            if not approvals:
                continue
            now = MONDAY + timedelta(days=day, hours=9 + 9 * number / shop.batches)
            rest, so_far = today.until - now, sum(held for _, held, _ in here) + approvals
            past = [
                PastDay(one, sum(n for _, n, _ in seen), sum(n for at, n, _ in seen if at > one.until - rest))
                for one, seen in before
            ]
            floor = expected(Floor(ASKED, sum(taken for *_, taken in here)), today, so_far, past, CALENDAR)
            rules = SamplingRules(SHARE, 0, 0, 1e9, 0, 0, at_least=floor.chance(approvals))
            wanted = approvals * rules.rates[RANDOM]
            taken = int(wanted) + int(rng.random() < wanted - int(wanted))
            here.append((now, approvals, taken))
            yield day, approvals, taken, rules.rates[RANDOM]


def renews(shop: Shop, error: float, rng: np.random.Generator) -> tuple[bool, NDArray[np.float64], float]:
    """Whether sixty days of audits certify a version of this error; audits by day, and what an audit was worth."""
    rows = np.array(list(season(shop, rng)))
    rows = rows[rows[:, 0] >= WARM]
    chance = np.repeat(rows[:, 3], rows[:, 2].astype(int))
    wrong = rng.random(len(chance)) < error
    found = hajek(wrong, chance)
    certified = stats.binom.cdf(np.ceil(found.rate * found.effective), np.floor(found.effective), ALLOWED) <= DELTA
    by_day = np.bincount(rows[:, 0].astype(int) - WARM, rows[:, 2], DAYS)
    return bool(certified), by_day, found.effective / max(len(chance), 1)


def chances(draws: int) -> dict[str, float]:
    """The product's own draw, again and again: frequencies beside the chances, and the estimated total."""
    frame = pd.DataFrame({"case_id": range(37), "confidence": 0.99, "amount": 1.0, "segment": None})
    rules, count, total = SamplingRules(SHARE, 0, 0, 1e9, 0, 0, at_least=0.15), np.zeros(37), 0.0
    for seed in range(draws):
        fixed = in_number(frame, rules, np.random.default_rng(seed))
        taken = draw(frame, fixed, np.random.default_rng(seed))
        count[taken["case_id"]] += 1
        total += float(((taken["case_id"] < 5) / taken["inclusion_probability"]).sum())
    z = np.abs(count / draws - 0.15) / np.sqrt(0.15 * 0.85 / draws)
    return {"draws": draws, "largest z": float(z.max()), "errors estimated of 5": total / draws}


def measure(size: Size) -> Part:
    """The chances, the number a day, and the share of looks over sixty days that renew a certificate.

    Promised where days are alike; unlike days make chances unlike, and the same number of audits is worth less.
    """
    looks, demands = size.of(400, 60, 1), list[Demand]()
    drawn = chances(size.of(8000, 1500, 20))
    reach = 4 * float(np.sqrt(5 * 0.85 / 0.15 / drawn["draws"]))
    demands += [
        at_most("frequency of each case beside its chance, largest z of 37", drawn["largest z"], 4.0, ".2f"),
        at_most("Horvitz-Thompson total of 5 errors: bias", abs(drawn["errors estimated of 5"] - 5), reach),
    ]
    lines = [f"{'shop':42}{'audits a day':>13}{'days at 8':>10}{'worth':>7}{'renewed at 0.5 %':>18}{'at 0.8 %':>10}"]
    figures: dict[str, dict[str, float]] = {}
    for name, shop in SHOPS.items():
        rng = np.random.default_rng(29)
        quarter, dearer = ([renews(shop, error, rng) for _ in range(looks)] for error in (0.005, 0.008))
        by_day = np.concatenate([one for _, one, _ in quarter])
        figures[name] = {
            "audits a day": float(by_day.mean()),
            "days": float((by_day >= ASKED).mean()),
            "worth": float(np.mean([worth for *_, worth in quarter])),
            "renewed": float(np.mean([certified for certified, *_ in quarter])),
            "renewed at 0.8 %": float(np.mean([certified for certified, *_ in dearer])),
        }
        one = figures[name]
        lines.append(
            f"{name:42}{one['audits a day']:13.1f}{one['days']:10.0%}{one['worth']:7.0%}{one['renewed']:18.0%}"
            f"{one['renewed at 0.8 %']:10.0%}"
        )
        noise = 2.5 * (0.8 * 0.2 / looks) ** 0.5
        if shop.batches == 1 and shop.a_day == shop.at_weekends:
            demands.append(at_least(f"{name}: renewed at a quarter (within noise)", one["renewed"] + noise, 0.8))
        demands.append(at_most(f"{name}: minutes a day at 60 s", one["audits a day"], 12.0, ".1f"))
    return Part(demands, {"floor": {"asked": ASKED, "looks": looks, **drawn, "shops": figures}}, "\n".join(lines))
