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
