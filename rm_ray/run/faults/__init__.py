"""What goes wrong in a run: counted, judged, and tried again where that helps.

Its files:

    tally          what every stage tells what it has done
    handle         how every process calls the tally
    start_tally    starts it, as one of the next two
    tally_actor    the tally as an actor of Ray
    tally_here     the tally as an object of the driver
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
