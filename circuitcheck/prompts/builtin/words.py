"""Words that several built-in tasks share."""

NAMES = tuple(
    """
    Mary John Tom James Sarah David Paul Mark Anna Emma Jack Kate Laura Peter Susan Robert Michael William Alice George
    Henry Charles Daniel Lisa Linda Karen Martin Simon Kevin Brian Jason Scott Andrew Richard Thomas Joseph Steven Eric
    Adam Alex Ben Sam Max Jane Jennifer Jessica Rachel Rebecca Michelle Amy Maria Helen Julia Claire Emily Elizabeth
    Victoria Diana Lucy Grace Sophie Frank Roger Philip Patrick Matthew Anthony Stephen Edward Kenneth
    """.split()
)
WOMEN = tuple(
    """
    Mary Sarah Anna Emma Kate Laura Susan Alice Lisa Linda Karen Jane Jennifer Jessica Rachel Rebecca Michelle Amy Maria
    Helen Julia Claire Emily Elizabeth Victoria Diana Lucy Grace Sophie
    """.split()
)
MEN = tuple(
    """
    John Tom James David Paul Mark Jack Peter Robert Michael William George Henry Charles Daniel Martin Simon Kevin Brian
    Jason Scott Andrew Richard Thomas Joseph Steven Eric Adam Frank
    """.split()
)
