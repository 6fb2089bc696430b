"""What goes wrong in a run: counted, judged, and tried again where that helps.

Its files:

    tally          the actor that every stage tells what it has done
    handle         how every process calls the tally
    under_way      which rows are in which engine
    in_a_row       counts what goes wrong, and says when it is too much
    suspicion      decides which rows the next round tries
    starts         which engines live, and which machines cannot start one
    tails          how long some engines had no work at the end of a round
    watch          ends a round whose engines are gone for good
    outage         what is being tried again while a store is away
    pause          lets whatever reads wait until the store is back
    reading_tasks  what tasks that read tell the tally
"""
