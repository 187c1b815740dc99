"""What if another strategy had sourced the orders of the last days: the past rebuilt, planned again, compared. Reads only.

What is recorded, and so rebuilt as it was: who was planned together and in which order (a decision's moment and id);
stock (the ledger); what of a day's capacity was taken (fulfillment orders) and how much there was (source days); the
published version of each strategy; which sources were switched on (events of the switch, and the candidates of the
decisions); refusals; what of an order was under way already; how hard a batch was solved.

What is not recorded, and so taken as it is now: rates, transit days, calendars and cutoffs, handling cost, coordinates,
safety stock and refusal rate of sources, members of source lists, the list a policy keeps a line to, weights of
products, promised dates, a draft that worked without being published, the planners themselves. A batch that a strategy collects was solved some
seconds before it was committed; it is played at the commit. Where such a thing made a difference, the replay of what
worked then differs from the record, and says so line by line (`what_if.check`).
"""
