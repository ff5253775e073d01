"""The forms of the counted streams, one module each, as the paper register asks them."""
