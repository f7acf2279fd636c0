"""The layout editor: a page in the browser, and the small server on this machine that it talks to.

Torch is loaded when the first picture is about to be painted, not before.
"""
