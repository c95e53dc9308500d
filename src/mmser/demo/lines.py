"""What the speakers of the demo say where the corpus's reader does not hold it already."""

TESS_WORDS = ("back", "kite", "merge", "numb", "pool", "ring", "shawl", "youth")

# In SAVEE, 01 to 03 are the same under every emotion; the others are sentences of TIMIT.
SAVEE_COMMON = (
    "She had your dark suit in greasy wash water all year.",
    "Don't ask me to carry an oily rag like that.",
    "Will you tell me why?",
)
SAVEE_SENTENCES = (
    "A few years later the dome fell in.",
    "A large household needs lots of appliances.",
    "Add the sum to the product of these three.",
    "Before Thursday's exam, review every formula.",
    "Calcium makes bones and teeth strong.",
    "Drop five forms in the box before you go out.",
    "Cory and Trish played tag with beach balls for hours.",
    "Greg buys fresh milk each weekday morning.",
    "Her wardrobe consists of only skirts and blouses.",
    "The carpet cleaners shampooed our oriental rug.",
    "The prospect of cutting back spending is unpleasant.",
    "They enjoy it when I audition.",
)

# Lines that anyone in the dialogs may say, whatever the mood, and lines that belong to one.
IEMOCAP_LINES = (
    "So what are we going to do about it now?",
    "I told you about that the other day.",
    "You know I have been here for three hours.",
    "They said that they would call me back.",
    "I don't know what you want me to say.",
    "Well, that is the way it is going to be.",
    "Did you talk to your brother last night?",
    "We have been over this so many times.",
    "I am going to move to another city.",
    "It was right here on the table yesterday.",
    "Let me think about it for a minute.",
    "She was waiting for us at the station.",
)
IEMOCAP_COLORED_LINES = {
    "angry": ("I am sick of it, do you hear me?", "How dare you say that to me in here!"),
    "happy": ("That is wonderful, I am so glad for you.", "We are getting married in the spring."),
    "sad": ("I miss him every single day, you know.", "There is nothing left for me here now."),
    "surprised": ("You are kidding, I had no idea about that.",),
    "fearful": ("There is someone outside, I can hear him.",),
}
