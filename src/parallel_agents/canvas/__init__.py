"""JSON Canvas in: read a canvas, choose nodes, derive what an agent needs from them."""
