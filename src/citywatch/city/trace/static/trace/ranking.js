// Going back to an earlier ranking asks for that page anew: a kept copy would hold names, and drawings without their script.

globalThis.htmx.config.refreshOnHistoryMiss = true;
