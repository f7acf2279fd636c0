"""Many objects by painting few: each alone and large, cut out, pasted into every box, and harmonised.

The work depends on the canvas and on how many different objects there are, not on the number of boxes. The
parts are known: surroundings held to the background first (bootstrapping, MultiDiffusion, Bar-Tal et al.,
arXiv 2302.08113), objects painted alone and composed (LMD, Lian et al., arXiv 2305.13655; GrounDiT, Lee et
al., arXiv 2410.20474), the whole refined from partial noise (SDEdit, Meng et al., arXiv 2108.01073).
"""
