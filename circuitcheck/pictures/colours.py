"""A diverging palette: orange for more, blue for less. The two are told apart by people with any common colour blindness
(Wong 2011, Nature Methods 8, 441), and darkness says how far from the middle; in grey the sign is said by a sign."""

Rgb = tuple[int, int, int]

MORE: Rgb = (178, 82, 0)
LESS: Rgb = (0, 90, 160)
_WHITE: Rgb = (255, 255, 255)
_PALE = 0.4  # of the colour, for what is not shown


def _between(part: float, end: Rgb) -> Rgb:
    red, green, blue = (round(white + part * (full - white)) for white, full in zip(_WHITE, end, strict=True))
    return red, green, blue


def written(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def colour_of(effect: float, largest: float, *, shown: bool) -> str:
    """Of an effect between -largest and largest; paler for one that is not shown to be there."""
    part = min(abs(effect) / largest, 1.0) if largest else 0.0
    return written(_between(part if shown else part * _PALE, MORE if effect > 0 else LESS))


def ink_on(effect: float, largest: float) -> str:
    """Of a sign on such a colour."""
    return "#ffffff" if largest and abs(effect) / largest > 0.55 else "#222222"
