"""Golden values of the statistics, from SciPy and from a second writing of the generator. Writes statistics.json beside it.

python3 make.py            (Python >= 3.10, scipy >= 1.11; made with the versions recorded in the file)
"""

import json
import math
import pathlib
import platform

import numpy
import scipy
from scipy import stats

Z = float(stats.norm.ppf(0.975))
Z1 = float(stats.norm.ppf(0.95))


def wilson():
    cases = [(0, 10), (10, 10), (1, 1), (7, 10), (815, 1000), (8146, 10000), (5363, 10000), (3015, 10000), (9999, 10000)]
    out = []
    for correct, total in cases:
        interval = stats.binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
        out.append({"correct": correct, "total": total, "low": float(interval.low), "high": float(interval.high)})
    return out


def mcnemar():
    cases = [(0, 0), (0, 1), (5, 0), (0, 6), (3, 12), (12, 3), (10, 10), (180, 220), (141, 82), (4800, 5200), (1, 40)]
    out = []
    for lost, gained in cases:
        p = float(stats.binomtest(gained, lost + gained, 0.5).pvalue) if lost + gained else 1.0
        out.append({"lost": lost, "gained": gained, "p": p})
    return out


def paired():
    """The differences as an array of -1, 0, 1 and its plain (population) standard error: the formula falls out of it."""
    out = []
    for total, lost, gained, margin in [
        (10, 0, 0, 0.001), (100, 3, 12, 0.0), (1000, 10, 31, 0.005), (1000, 31, 10, 0.005), (10000, 18, 19, 0.001),
        (10000, 120, 110, 0.0025), (10000, 15, 12, 0.001), (5000, 75, 75, 0.005), (3, 3, 0, 0.5),
    ]:
        d = numpy.zeros(total)
        d[:lost] = -1
        d[lost:lost + gained] = 1
        mean, se = float(d.mean()), float(stats.sem(d, ddof=0))
        bound = mean - Z1 * se
        out.append({
            "total": total, "lost": lost, "gained": gained, "difference": mean, "standardError": se,
            "low": mean - Z * se, "high": mean + Z * se, "margin": margin, "lowerBound": bound,
            "holds": bool(bound > -margin), "supportedMargin": max(0.0, -bound),
        })
    return out


def mean_difference():
    values = [round(0.1 * math.sin(3 * i) + 0.02, 6) for i in range(40)]
    mean, se = float(numpy.mean(values)), float(stats.sem(values, ddof=1))
    return {"values": values, "difference": mean, "standardError": se, "low": mean - Z * se, "high": mean + Z * se}


def t_intervals():
    out = []
    for values in [[0.8343, 0.8361, 0.8329], [0.5, 0.5], [0.1, 0.2, 0.4, 0.8, 0.35], [0.53 + 0.001 * i for i in range(31)]]:
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95) if len(set(values)) > 1 else (values[0], values[0])
        out.append({
            "values": values, "mean": float(numpy.mean(values)), "standardDeviation": float(numpy.std(values, ddof=1)),
            "low": float(interval[0]), "high": float(interval[1]),
        })
    return out


class Xoshiro128:
    """xoshiro128**, written from its authors' C code; seeded through MurmurHash3's finaliser on a Weyl sequence."""

    def __init__(self, seed):
        self.s = []
        for i in range(1, 5):
            z = (seed + i * 0x9E3779B9) & 0xFFFFFFFF
            z = ((z ^ (z >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
            z = ((z ^ (z >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
            self.s.append(z ^ (z >> 16))

    @staticmethod
    def rotl(x, k):
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    def next(self):
        s = self.s
        result = (self.rotl((s[1] * 5) & 0xFFFFFFFF, 7) * 9) & 0xFFFFFFFF
        t = (s[1] << 9) & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = self.rotl(s[3], 11)
        return result


def generator():
    out = []
    for seed in (0, 1, 42, 4294967295):
        random = Xoshiro128(seed)
        out.append({"seed": seed, "words": [random.next() for _ in range(8)]})
    return out


def bootstrap():
    exact = []
    for seed, total, lost, gained in [(7, 30, 3, 6), (8, 60, 0, 0)]:
        d = [-1] * lost + [1] * gained + [0] * (total - lost - gained)
        random = Xoshiro128(seed)
        means = [sum(d[random.next() * total >> 32] for _ in range(total)) / total for _ in range(10000)]
        low, high = numpy.quantile(means, [0.025, 0.975])
        exact.append({"seed": seed, "total": total, "lost": lost, "gained": gained, "low": float(low), "high": float(high)})
    # SciPy draws other random numbers: only the quantiles of the same distribution agree, within their sampling error.
    d = numpy.zeros(1000)
    d[:21] = -1
    d[21:70] = 1
    found = stats.bootstrap((d,), numpy.mean, n_resamples=100000, confidence_level=0.95, method="percentile", batch=1000,
                            rng=numpy.random.default_rng(1)).confidence_interval
    near = {"total": 1000, "lost": 21, "gained": 49, "low": float(found.low), "high": float(found.high), "tolerance": 0.0011}
    return {"exact": exact, "scipy": near}


values = {
    "madeWith": {"python": platform.python_version(), "numpy": numpy.__version__, "scipy": scipy.__version__},
    "wilson": wilson(), "mcnemar": mcnemar(), "paired": paired(), "meanDifference": mean_difference(),
    "tInterval": t_intervals(), "generator": generator(), "bootstrap": bootstrap(),
}
path = pathlib.Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(values, indent=2) + "\n")
print(f"wrote {path}")
