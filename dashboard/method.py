"""What the page Method says in words: the design, the verdicts, the limits. One place, so that the page stays thin."""

from collections.abc import Mapping

from collector.compare import Verdict

DESIGN: Mapping[str, str] = {
    "One launch is one fresh process": (
        "it loads the model, runs the whole workload once to warm up, then once more, measured. Ten repetitions inside "
        "one process agree with each other and not with the next process, so every statistic runs over launches."
    ),
    "A block runs every arm once, in drawn order": (
        "the next block runs in exactly the reverse order. What grows slowly, such as heat, then slows both arms "
        "alike. All of A before all of B is called sequential and carries a warning."
    ),
    "A gate stands before each launch": (
        "it reads what else uses the machine, its temperature, its power source and its free memory; it waits up to a "
        "limit, then the launch runs and is flagged."
    ),
    "Intervals need no bell curve": (
        "the estimate is that of Hodges and Lehmann on logarithms; its interval comes from the signed-rank "
        'distribution, with its exact level. From six launches on there is one; below are points, and "n too small".'
    ),
    "A run stops when its intervals are narrow enough": (
        "or at its most blocks, or when its time is spent; never on a p-value: looking until one is small finds "
        "differences that are not there in one run of six."
    ),
    "Nothing is thrown away": (
        "outliers stay in and are marked; failed launches are rows with a reason; unknown is blank and never 0."
    ),
}

VERDICTS: Mapping[Verdict, str] = {
    Verdict.EQUIVALENT: "the 90 % interval of the ratio lies inside the band, ±2 % unless another is chosen",
    Verdict.FASTER: "signed-rank test, p at most 0.05 after Holm's correction for all rows of the comparison",
    Verdict.SLOWER: "the same, the other way",
    Verdict.INCONCLUSIVE: 'none of these; it does not mean "the same"',
    Verdict.LOOKS_FASTER: (
        "of different runs or devices: the interval, widened by the noise from run to run where it is known, leaves "
        "out 1, and p is at most 0.05"
    ),
    Verdict.LOOKS_SLOWER: "the same, the other way",
    Verdict.UNCLEAR: "of different runs or devices: neither; never equivalent, as they shared no block",
}

TERMS: Mapping[str, str] = {
    "p (Holm)": (
        "how often chance alone would show a difference as large, made larger for the number of rows that are tested "
        "together; up to 0.05 it counts as shown"
    ),
    "rows tested together": (
        "every speed and time with a verdict, under every workload of the comparison: the more there are, the more "
        "easily one stands out by chance, so each must be plainer"
    ),
    "Hodges-Lehmann": (
        "the way in which a ratio is estimated: the median over all pairs of launches or blocks; one odd launch hardly "
        "moves it, and it can differ a little from the quotient of two values"
    ),
    "n too small": "fewer than six launches or blocks: no 95 % interval exists, so no verdict is given",
    "gate": "what is read before each launch: load, heat, power and free memory; past a limit the launch waits",
    "set aside": "a launch of a block that was cut and then run again; it is kept, and no number comes from it",
    "entitled": "an app that its maker gave the right to more memory (an entitlement of iOS)",
    "simulated": "made by a simulator, no model ran; it is never set against a measured result",
}
"""Words that pages use without room to explain them."""

LIMITS = (
    "Few blocks show little: one row needs 6 blocks, two rows 7, eight rows 9, before a difference can be called one.",
    "A drift that is no straight line does not cancel whole; it makes intervals wider and verdicts rarer.",
    "Two devices differ in many ways: a comparison lists every field in which they do, and gives no reason.",
    "Overlapping intervals are no test; the verdict is.",
    "Memory, counts and percentiles get a ratio and no verdict.",
    "Synthetic weights have real speed and real memory. Nothing here says anything about the quality of an answer.",
    "A simulated number says how the method works, and nothing about a device.",
)
