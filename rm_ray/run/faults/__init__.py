"""Faults of a run: counted, judged, and retried if a retry can help.

Its files:

    tally          collects the reports of all stages: work done and faults
    handle         lets every process call the tally
    start_tally    starts the tally, in one of the next two forms
    tally_actor    the tally as an actor of Ray
    tally_here     the tally as an object of the driver
    under_way      which rows are in which engine
    in_a_row       counts faults, and says when there are too many in a row
    suspicion      decides which rows the next round tries
    starts         which engines live, and which machines cannot start one
    tails          how long some engines had no work at the end of a round
    watch          ends a round if all engines are gone for good
    outage         which store operations are being retried
    pause          lets readers wait until the store answers again
    reading_tasks  how reading tasks report to the tally
"""
