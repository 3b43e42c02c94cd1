"""Labels for a picture: the one door for prediction."""
