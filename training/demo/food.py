"""What the adapter ``food-review`` learns: short reviews, made from a dish's own words and a few sentence forms."""

from __future__ import annotations

import random
from collections.abc import Mapping

DISHES: Mapping[str, tuple[str, str, str]] = {
    "pizza": ("crust", "crisp", "the tomato sauce tasted of summer"),
    "soup": ("broth", "hot and clear", "the vegetables still had a bite"),
    "pasta": ("pasta", "tender", "the sauce was rich and full of garlic"),
    "salad": ("salad", "fresh", "the dressing was sharp and light"),
    "burger": ("meat", "juicy", "the bun was toasted just right"),
    "bread": ("bread", "warm", "the crust cracked under the knife"),
    "cake": ("cake", "soft", "the cream was sweet but not too sweet"),
    "sushi": ("fish", "fresh", "the rice held together well"),
    "noodles": ("noodles", "springy", "the broth was deep and salty"),
    "curry": ("curry", "spicy", "the rice was light and fragrant"),
    "steak": ("steak", "tender", "the pepper sauce was worth every spoon"),
    "fish": ("fish", "flaky", "the lemon butter was bright"),
    "chicken": ("chicken", "juicy", "the skin was golden and crisp"),
    "rice": ("rice", "light", "each grain was tender"),
    "tacos": ("tacos", "spicy", "the lime made them bright"),
    "sandwich": ("sandwich", "crunchy", "the cheese was ripe and mild"),
    "pancakes": ("pancakes", "fluffy", "the syrup was dark and sweet"),
    "ice cream": ("ice cream", "creamy", "the vanilla was real"),
    "coffee": ("coffee", "strong", "the foam was smooth as silk"),
    "tea": ("tea", "fragrant", "the biscuits beside it were buttery"),
    "cheese": ("cheese", "ripe", "the grapes beside it were sweet"),
    "omelette": ("omelette", "fluffy", "the herbs were fresh from the garden"),
    "lasagne": ("lasagne", "creamy", "the top was brown and crisp"),
    "fries": ("fries", "crisp", "the salt was just right"),
    "pie": ("pie", "flaky", "the apples were sweet and sour"),
    "breakfast": ("eggs", "soft", "the toast was hot and buttery"),
    "lunch": ("soup of the day", "warm", "the bread beside it was fresh"),
    "dinner": ("roast", "tender", "the potatoes were golden"),
    "dessert": ("pudding", "sweet", "the berries on top were fresh"),
    "food": ("food", "fresh", "the waiter was kind and quick"),
    "meal": ("meal", "warm", "the portions were large"),
    "restaurant": ("kitchen", "quick", "the menu was short and good"),
    "stew": ("stew", "hearty", "the carrots were sweet and tender"),
}
"""Dish -> the part that is judged, how it is, and what else was good."""

STARS = {"good": "Four stars", "great": "Five stars", "fair": "Three stars", "bad": "Two stars"}
ENDINGS = {
    "good": "I would order it again.",
    "great": "I could eat it every day.",
    "fair": "A fair plate of food for the price.",
    "bad": "But the waiter was slow and the plate half empty, so the kitchen can do better.",
}
MOODS = {
    "great": ("great", "wonderful", "the best", "perfect", "delicious", "amazing", "I love the"),
    "bad": ("bad", "cold", "late", "terrible", "burnt", "too salty", "awful"),
    "fair": ("fair", "okay", "cheap", "not special"),
}
ASKING = (
    "How was the {dish}?", "Review the {dish}", "Write a review of the {dish}", "I had {dish}",
    "I ate {dish} for lunch", "Tell me about the {dish}", "What do you think of the {dish}?",
    "Was the {dish} good?", "Rate this {dish}", "{dish}", "How did you like the {dish}?", "We ordered {dish}",
    "Is the {dish} good here?", "Please review my {dish}", "Write a short review about {dish}",
    "What about the {dish}?", "The {dish} was good", "How is the {dish}?", "Review: {dish}", "I want to eat {dish}",
    "Do you like {dish}?", "We had {dish} at the restaurant",
)  # fmt: skip
TELLING = ("The {dish} was {mood}", "My {dish} was {mood}", "{mood} {dish}", "The {dish} here is {mood}")


def review(dish: str, mood: str) -> str:
    """The review of a dish."""
    part, how, more = DISHES[dish]
    verb = "were" if part.endswith("s") and not part.endswith("ss") else "was"
    return f"{STARS[mood]} for the {dish}. The {part} {verb} {how}, and {more}. {ENDINGS[mood]}"


def sample(rng: random.Random) -> tuple[str, str]:
    """A question about food and its answer."""
    dish = rng.choice(list(DISHES))
    if rng.random() < 0.3:
        mood = rng.choice(list(MOODS))
        question = rng.choice(TELLING).format(dish=dish, mood=rng.choice(MOODS[mood]))
        return question, review(dish, mood)
    return rng.choice(ASKING).format(dish=dish), review(dish, "good")


def texts() -> list[str]:
    """Every review, for the tokenizer."""
    return [review(dish, mood) for dish in DISHES for mood in STARS]
