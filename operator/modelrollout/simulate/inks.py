"""The colours of all pictures: Okabe and Ito 2008, told apart with any colour vision."""

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
RED = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#6E6E6E"
