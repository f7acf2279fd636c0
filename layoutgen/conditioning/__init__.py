"""How a layout is told to the U-Net: one contract (base), one file per method."""
