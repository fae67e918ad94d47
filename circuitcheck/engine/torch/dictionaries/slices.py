"""What a dictionary reads and writes: the values of a site, or of one head of it, at some tokens, as rows of numbers."""

from circuitcheck.engine.torch.sites.access import place_of
from circuitcheck.engine.torch.sites.shapes import AtIndex, Index, Value
from circuitcheck.places import Site


def rows_of_site(site: Site, value: Value, rows: Index, columns: Index) -> AtIndex:
    """[index, d_in]: one row for each token. Of a whole layer's z the heads stand side by side."""
    return value[place_of(site, rows, columns)].flatten(1)


def put_rows(site: Site, value: Value, rows: Index, columns: Index, new: AtIndex) -> Value:
    """A copy of `value` with rows [index, d_out] in the place of those tokens'."""
    written, where = value.clone(), place_of(site, rows, columns)
    written[where] = new.reshape(written[where].shape).to(written)
    return written
