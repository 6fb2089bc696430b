"""What goes wrong in a run: counted, judged, and tried again where that helps.

Its files:

    tally          the actor that every stage tells what it has done
    in_a_row       counts what goes wrong, and says when it is too much
    suspicion      decides which rows the next round tries
    starts         which engines live, and which machines cannot start one
    watch          ends a round whose engines are gone for good
    outage         lets a run wait for a store that is away
    reading_tasks  what tasks that read tell the tally
"""
