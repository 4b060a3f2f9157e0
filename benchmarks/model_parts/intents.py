"""Short requests in many fine categories, made from a grammar, with requests that belong to none of them.

A category is a topic with a wish: *move my appointment*, *price of an appointment*. In scope are some wishes of the
topics in `TOPICS`. Out of scope are wishes never trained for a known topic, known wishes for the topics in
`FOREIGN`, and sentences about something else entirely; they share frames, function words and many content words.
"""

from typing import Final

import numpy as np
import pandas as pd

# Topic: what people call it; after the bar, words that come along.
TOPICS: Final = {
    "card": "credit card, bank card, card, visa | at the till, online, in the shop, chip, limit, pin",
    "account": "account, bank account, savings account | balance, online banking, joint, interest",
    "loan": "loan, mortgage, credit line, home loan | rate, term, house, instalments",
    "transfer": "transfer, wire, payment to {person}, money order | abroad, by friday, reference, account number",
    "flight": "flight, plane ticket, flight to {place}, plane | seat, window, layover, gate",
    "hotel": "hotel, hotel room, room in {place}, suite | double, breakfast, view, two nights",
    "luggage": "luggage, suitcase, bags, baggage | airport, carousel, overweight, cabin",
    "visa": "travel visa, visa for {place}, entry permit, passport stamp | embassy, tourist, weeks, border",
    "rental": "rental car, hire car, rental, car from {place} | gps, insurance, automatic, fuel",
    "train": "train, train ticket, rail pass, train to {place} | platform, first class, delay, commuter",
    "restaurant": "table, restaurant table, dinner table, table at {person}s | terrace, four people, vegan, tonight",
    "recipe": "recipe, dish, recipe for {food}, dinner recipe | ingredients, oven, vegetarian, spicy",
    "grocery": "shopping list, grocery list, groceries, list | milk, {food}, supermarket, eggs",
    "diet": "diet, calories, calorie count of {food}, nutrition | protein, fat, carbs, healthy",
    "alarm": "alarm, wake up alarm, morning alarm, alarm clock | snooze, six, early, loud",
    "timer": "timer, countdown, kitchen timer, stopwatch | minutes, eggs, seconds, pasta",
    "calendar": "meeting, calendar entry, event, meeting with {person} | agenda, noon, conference, slot",
    "reminder": "reminder, note to self, nudge, reminder about {person} | birthday, pills, bins, rent",
    "music": "song, playlist, music, track by {person} | volume, guitar, speakers, album",
    "light": "lights, lamp, bedroom light, ceiling light | dim, kitchen, bright, colour",
    "heating": "heating, thermostat, radiator, temperature | degrees, warm, living room, boiler",
    "vacuum": "vacuum robot, robot vacuum, hoover, cleaning robot | carpet, dust, stairs, dock",
    "car": "car, engine, tyres, my vehicle | oil, pressure, brakes, garage, mileage",
    "fuel": "petrol, gas, fuel, tank | station, gallon, diesel, highway",
    "doctor": "doctor appointment, appointment with dr {person}, check up, doctor visit | clinic, knee, nurse, blood",
    "pharmacy": "prescription, medicine, tablets, refill | pharmacy, allergy, dose, cough",
    "dentist": "dentist appointment, cleaning at the dentist, tooth check, dentist | filling, crown, gums, pain",
    "gym": "gym membership, gym pass, fitness class, gym | yoga, trainer, pool, weights",
    "salary": "salary, paycheck, wages, pay slip | payday, overtime, bonus, direct deposit",
    "holiday": "holiday, vacation days, leave, time off | days, july, manager, carry over",
    "tax": "tax return, taxes, income tax, tax form | deduction, deadline, refund, w2",
    "insurance": "insurance, health insurance, policy, cover | deductible, plan, claim, premium",
    "parcel": "parcel, package, order, delivery | courier, doorstep, tracking, warehouse",
    "shoes": "shoes, boots, sneakers, pair of sandals | size, leather, heel, brown",
    "phone": "phone contract, phone plan, mobile plan, sim | data, roaming, minutes, signal",
    "internet": "internet, wifi, router, broadband | speed, password, cable, evening",
    "energy": "electricity bill, power bill, electric bill, energy bill | meter, kilowatt, solar, winter",
    "rent": "rent, lease, flat, apartment lease | landlord, deposit, keys, month",
    "library": "library book, borrowed book, book, library card | shelf, author, fine, branch",
    "school": "course, evening class, course in {place}, class | exam, teacher, beginner, certificate",
}
FOREIGN: Final = {
    "weather": "weather, forecast, rain in {place}, storm | umbrella, sunny, clouds, weekend",
    "football": "football match, game, match against {place}, league | goal, referee, stadium, score",
    "garden": "garden, lawn, roses, hedge | soil, prune, seeds, spring",
    "dog": "dog, puppy, terrier, cat | leash, vet, fur, bark",
    "movie": "movie, film, movie with {person}, cinema | actor, popcorn, sequel, trailer",
    "election": "election, vote, ballot, candidate | party, poll, senator, debate",
    "stars": "planet, moon, stars, telescope | orbit, eclipse, light years, galaxy",
    "wedding": "wedding, wedding dress, bride, marriage | ring, toast, cake, aisle",
    "passport": "passport, identity card, driving licence, birth certificate | office, photo, expired, lost",
    "sofa": "sofa, couch, wardrobe, bookcase | cushions, oak, assemble, corner",
    "history": "roman empire, first king of {place}, old castle, war | century, battle, ruins, queen",
    "camera": "camera, lens, tripod, drone | shutter, battery, zoom, focus",
}
# Wish: ways to put it, with @ for the topic.
WISHES: Final = {
    "create": "book a @; set up a new @; i need a new @; get me a @; make a @ for me; arrange a @; add a @",
    "cancel": "cancel my @; get rid of the @; stop the @; i no longer want the @; call off my @; delete the @",
    "change": "change my @; move the @ to another day; update the @; switch my @; adjust the @; alter my @",
    "price": "how much is the @; what does a @ cost; price of the @; is the @ expensive; cost of my @; fee for the @",
    "status": "where is my @; status of the @; is my @ ready; any news on my @; check on the @; has my @ come through",
    "broken": "my @ does not work; problem with the @; the @ is broken; something is wrong with my @; fix my @",
    "explain": "explain the @; how does the @ work; what is a @; tell me about the @; i do not understand the @",
    "when": "when is my @; what time is the @; which day is my @; when does the @ start; date of my @",
    "compare": "which @ is best; recommend a @; compare the @; is there a better @; good @ near me; suggest a @",
    "lost": "i lost my @; someone stole my @; cannot find the @; my @ is gone; my @ disappeared; report a missing @",
    "history": "show my last @; list every @ of this year; past @; what was my previous @; all my @ so far",
    "share": "send my @ to {person}; share the @ with {person}; let {person} see my @; forward the @ to {person}",
}
FRAMES: Final = (
    "*",
    "*",
    "*",
    "please *",
    "can you *",
    "could you *",
    "i would like to know: *",
    "hey *",
    "* please",
    "* thanks",
    "i was wondering, *",
    "um *",
    "ok so *",
    "quick question, *",
    "would you *",
    "* if you can",
    "for my {relative}, *",
    "* for {person}",
    "* {moment}",
    "{moment} *",
    "* because {reason}",
    "my {relative} asks: *",
)
SLOTS: Final = {
    "relative": "wife, son, mother, boss, neighbour, friend, uncle, grandmother, flatmate, daughter, colleague",
    "moment": "today, tomorrow, on monday, next week, this evening, in march, at noon, before friday, right now, asap",
    "reason": "i am late, it rained, {person} told me so, we moved to {place}, i am sick, it is urgent, nobody answers",
    "food": "lasagna, curry, pancakes, chili, salmon, tofu, bread, risotto, soup, tacos, apples, cheese, avocado",
}
ELSEWHERE: Final = (
    "who wrote the {odd} book about {odd}",
    "how tall is {person}",
    "what is the capital of {place}",
    "how many {odd} live in {place}",
    "translate {odd} into the language of {place}",
    "do you like {odd}",
    "tell me something funny about {odd}",
    "what is {count} times {count}",
    "why is the {odd} blue",
    "how do i remove {odd} from a shirt",
    "is {person} still alive",
    "can a {odd} swim",
    "are you a robot",
    "teach me to play {odd}",
    "should i learn {odd} or {odd}",
    "what does {odd} mean",
    "spell {odd} for me",
    "which {odd} should i give my {relative}",
    "how far is {place} from {place}",
    "write a poem about {odd}",
    "how old is the {odd} in {place}",
    "is it true that {odd} cause {odd}",
    "who invented the {odd}",
    "my {relative} wants to become a {odd}",
    "how long do {odd} sleep",
    "what rhymes with {odd}",
)
_KINDS = ("wish", "topic", "topic", "elsewhere", "elsewhere")  # of out-of-scope requests, as often as they stand here
_COARSE_KINDS = ("topic", "elsewhere")
_EXTRA_WORDS, _UNNAMED = 0.5, 0.10  # shares of requests: with a word that comes along, with `it` for the topic
_MISSING, _SLIPS, _LONG = 0.05, 0.04, 4  # shares of words left out and mistyped; letters of a word worth mistyping
_FAMILIAR = 0.7  # share of odd nouns that the topics know as well
_SYLLABLES = ("ba", "dor", "el", "fi", "gan", "hol", "is", "ka", "lu", "mer", "no", "pes", "ri", "sta", "tu", "vel")


class _Writer:
    """Fills the grammar's slots; people, places and odd nouns come from long-tailed lists of made-up words."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def pick(self, options: list[str] | tuple[str, ...]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def request(self, words: str, wish: str) -> str:
        names, _, extra = words.partition("|")
        extra = self.pick(extra.strip().split(", "))
        # Who is in the middle of a conversation says "it", and leaves the topic to what comes along.
        unnamed = self.rng.random() < _UNNAMED
        said = self.pick(wish.split("; ")).replace("@", "it" if unnamed else self.pick(names.strip().split(", ")))
        if unnamed or self.rng.random() < _EXTRA_WORDS:
            said = f"{said} {extra}"
        return self.typed(self.fill(self.pick(FRAMES).replace("*", said)))

    def typed(self, text: str) -> str:
        """The text as hands type it: now and then a word is missing, or a letter is."""
        words = [self._slipped(word) for word in text.split() if self.rng.random() >= _MISSING]
        return " ".join(words) or text

    def _slipped(self, word: str) -> str:
        if len(word) < _LONG or self.rng.random() >= _SLIPS:
            return word
        place = int(self.rng.integers(1, len(word)))
        return word[:place] + word[place + 1 :]

    def fill(self, text: str) -> str:
        while "{" in text:
            before, _, rest = text.partition("{")
            name, _, after = rest.partition("}")
            text = f"{before}{self._value(name)}{after}"
        return text

    def _value(self, slot: str) -> str:
        if slot == "count":
            return str(self.rng.integers(2, 99))
        if slot in SLOTS:
            return self.pick(SLOTS[slot].split(", "))
        if slot == "odd" and self.rng.random() < _FAMILIAR:
            every = FOREIGN | TOPICS
            return self.pick(every[self.pick(tuple(every))].partition("|")[2].strip().split(", "))
        # A long tail: a few names come often, most of them once.
        number = min(int(self.rng.zipf(1.3)), 4_000)
        maker = np.random.default_rng([len(slot), number])
        return "".join(maker.choice(_SYLLABLES, size=int(maker.integers(2, 4))))


def generate(
    categories: int, rows_each: int, unknown: int, seed: int, *, coarse: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return in-scope rows (`text`, `label`) in random order, and `unknown` out-of-scope texts with their `kind`.

    At most 400 categories. With `coarse` a category is one of ten groups of topics instead of topic and wish; then
    no wish for a known topic is out of scope.
    """
    rng = np.random.default_rng(seed)
    writer = _Writer(rng)
    everything = [(topic, wish) for topic in TOPICS for wish in WISHES]
    chosen = [everything[place] for place in np.sort(rng.permutation(len(everything))[:categories])]
    group = {topic: f"group {place % 10}" for place, topic in enumerate(TOPICS)}
    rows = [
        (writer.request(TOPICS[topic], WISHES[wish]), group[topic] if coarse else f"{topic} {wish}")
        for topic, wish in chosen
        for _ in range(rows_each)
    ]
    left = [pair for pair in everything if pair not in set(chosen)]
    kinds = _COARSE_KINDS if coarse else _KINDS
    strange = [_unknown(writer, kind, left) for kind in rng.choice(kinds, unknown).tolist()]
    known = pd.DataFrame(rows, columns=["text", "label"]).iloc[rng.permutation(len(rows))]
    return known.reset_index(drop=True), pd.DataFrame(strange, columns=["text", "kind"])


def _unknown(writer: _Writer, kind: str, left: list[tuple[str, str]]) -> tuple[str, str]:
    if kind == "elsewhere":
        return writer.typed(writer.fill(writer.pick(FRAMES).replace("*", writer.pick(ELSEWHERE)))), kind
    if kind == "topic":
        return writer.request(FOREIGN[writer.pick(tuple(FOREIGN))], WISHES[writer.pick(tuple(WISHES))]), kind
    topic, wish = left[int(writer.rng.integers(len(left)))]
    return writer.request(TOPICS[topic], WISHES[wish]), kind
