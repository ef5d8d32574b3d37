"""JSON Canvas: read a canvas, edit its text, choose nodes, derive what an agent needs from them."""
