"""What Modelyard says of itself: metrics, each declared once, and the access log."""
