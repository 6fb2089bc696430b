"""A listener for tests that look at what asking tells it."""


class Notes:
    """A listener that writes down what it is told."""

    def __init__(self):
        self.begun, self.answers, self.ends, self.steps = [], [], [], 0

    def asking(self, start, stop):
        self.begun.append((start, stop))

    def stepped(self):
        self.steps += 1

    def ended(self, n_tokens, questions):
        self.ends.append((n_tokens, questions))

    def answered(self, start, scored):
        self.answers.append((start, scored))
