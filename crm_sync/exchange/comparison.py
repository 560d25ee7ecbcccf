"""Three values decide, field by field: what both sides agreed on last, ours, and Deployteq's. Pure."""

from dataclasses import dataclass

import pandas as pd

from crm_sync.exchange.values import BLACKLIST, STATUS


@dataclass(frozen=True)
class Compared:
    """What each field of each customer comes to; frames of bools.

    `send`: it goes to Deployteq. `take`: it comes from there. `conflict`: it was changed on both sides, and Salesforce
    wins. `agreed`: both hold the same.
    """

    send: pd.DataFrame
    take: pd.DataFrame
    conflict: pd.DataFrame
    agreed: pd.DataFrame


def compare(
    ours: pd.DataFrame, theirs: pd.DataFrame, sent: pd.DataFrame, agreed: pd.DataFrame, linked: set[str]
) -> Compared:
    """Compare customers that are paired; the frames have the same rows and columns.

    `sent` and `agreed`: what we, and what Deployteq, held when both last agreed; Deployteq may hold a text in a form of
    its own. Missing: never compared. A field that is not linked is Deployteq's. At the first comparison nothing that is
    empty here is sent: it would blank what somebody filled in there.
    """
    theirs = theirs.fillna("")
    is_known, fits = sent.notna() & agreed.notna(), ours.notna()
    same = ours.eq(theirs) | (is_known & ours.eq(sent) & theirs.eq(agreed))
    is_linked = pd.DataFrame({name: name in linked for name in ours.columns}, index=ours.index)
    changed_here = fits & ((is_known & ours.ne(sent)) | (~is_known & ~ours.isin([""])))
    changed_there = is_known & theirs.ne(agreed)
    send = changed_here & ~same & is_linked
    if STATUS in theirs:
        send[STATUS] &= theirs[STATUS].ne(BLACKLIST)
    take = (changed_there | (~is_known & ~theirs.isin([""]))) & ~same & ~send
    # Of a linked field that was never compared and is empty here, what stands there stays there.
    take &= is_known | ~is_linked
    return Compared(send, take, send & changed_there, same)
