/** The colour of what became of an object, on pictures, whatever the theme of the page: bright, with a dark seam around it. */
export const OUTCOME_COLOURS: Record<string, string> = {
  matched: "#3cdc5a",
  misplaced: "#ffaa1e",
  mislabelled: "#f05ae6",
  missed: "#ff463c",
  extra: "#50aaff",
  duplicate: "#50aaff",
  ignored: "#c8c8c8",
};

/** What became of an object, in words. */
export const OUTCOME_WORDS: Record<string, string> = {
  matched: "matched",
  misplaced: "misplaced",
  mislabelled: "another label",
  missed: "missed",
  extra: "extra",
  duplicate: "found twice",
  ignored: "not judged",
};
