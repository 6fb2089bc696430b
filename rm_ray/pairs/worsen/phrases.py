"""Words and lines that the kinds put into a text."""

# The commonest words of some languages, and some longer words of each.
_WORDS = {
    "German": (
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es "
        "an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über Jahre "
        "Stadt Wasser Arbeit Menschen zwischen während Gesellschaft Entwicklung möglich natürlich"
    ),
    "French": (
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il "
        "sont la avec son mais comme être fait aussi leur bien peut ces années ville travail eau "
        "toujours entreprise développement pendant plusieurs président nécessaire depuis gouverner"
    ),
    "Spanish": (
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus "
        "le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había era "
        "muy años hasta ciudad trabajo agua desarrollo gobierno siempre durante importante empresa"
    ),
    "Italian": (
        "di che è e la il un a per in una mi sono ho non ma lo ha le si con del come io questo qui "
        "se da tutto della bene anche più nel alla gli era dove solo città lavoro acqua sempre "
        "sviluppo durante importante governo azienda perché quando molto tempo anni possibile"
    ),
    "Polish": (
        "i w nie na się z do to że jest o jak a po co tak za od jego przez dla był ale są być ma "
        "już czy tylko ich może jego które także lat miasto praca woda między podczas rozwój "
        "ważne zawsze przedsiębiorstwo możliwe kiedy bardzo czas dlatego społeczeństwo"
    ),
    "Russian": (
        "и в не на я что он с как это по но они к у из за от о же для вы все так его было бы ее "
        "мы только год была время город вода работа между развитие важно всегда когда очень можно "
        "общество правительство потому который человек"
    ),
}
LANGUAGES = {name: words.split() for name, words in _WORDS.items()}

# Lines that web pages have around their text.
PAGE_LINES = [
    "Share this article with your friends and family",
    "Subscribe to our newsletter and never miss a story",
    "By continuing to use this site you agree to our use of cookies.",
    "All rights reserved. No part of this page may be reproduced without permission.",
    "Enter your email address below to receive updates",
    "You must be logged in to post a comment.",
    "This post was last updated on Monday at 9:14 am",
    "Related articles you may also like",
    "Click here to download the full version for free",
    "Advertisement - content continues below",
    "We value your privacy. Accept all or manage your preferences",
    "Follow us to stay up to date with the latest news",
    "Was this page helpful? Yes No",
    "Customers who viewed this item also viewed",
    "Free delivery on orders over 50. See details in checkout",
    "0 comments so far. Be the first to leave a reply",
    "Your browser is out of date and may not display this page as it should",
    "Powered by our partners. Results may be sponsored",
    "Thank you for reading. Please rate this story from one to five stars",
    "Print this page or send it to a friend",
]
