/** What one word or phrase of a request may say. */
export type Kind =
  | "flow"
  | "family"
  | "mode"
  | "defect"
  | "defects"
  | "material"
  | "usecase"
  | "board"
  | "other-board"
  | "unit"
  | "number"
  | "bound"
  | "total"
  | "per-cell"
  | "negation"
  | "only"
  | "own"
  | "photo"
  | "data"
  | "checkpoint"
  | "gpu"
  | "full"
  | "smoke"
  | "recipe"
  | "pair"
  | "custom-usecase"
  | "adjective"
  | "and"
  | "article"
  | "filler"
  | "unknown";

/** A phrase as the source of a regular expression over lower-case text, with what it says. */
export type Entry = readonly [kind: Kind, value: string, phrase: string];

const nouns = "(?:pcb |pcba |circuit )?boards?";

/** Phrases that say something. Where two match, the longer one holds; what is not here and no filler is asked about. */
export const entries: readonly Entry[] = [
  ["mode", "shift", "shift(?:s|ed|ing)?(?: defects?)?"],
  ["mode", "tombstone", "tomb-? ?ston(?:e|es|ed|ing)(?: defects?)?"],
  ["mode", "sideflip", "side-? ?flip(?:s|ped|ping)?(?: defects?)?"],
  ["defect", "bridge", "(?:solder[- ])?bridg(?:e|es|ing)"],
  ["defect", "excess_solder", "excess(?:ive)?[- _]solder"],
  ["defect", "missing", "missing(?:[- _](?:passive[- _])?(?:components?|parts?))?"],
  ["defect", "MT_Blowhole", "(?:mt_)?blow-?holes?"],
  ["defect", "MT_Break", "(?:mt_)?breaks?"],
  ["defect", "MT_Crack", "(?:mt_)?cracks?"],
  ["defect", "MT_Fray", "(?:mt_)?fray(?:s|ing)?"],
  ["defect", "MT_Uneven", "(?:mt_)?uneven"],
  ["defect", "oil", "oil(?: stains?)?"],
  ["defect", "scratch", "scratch(?:es|ed)?"],
  ["defect", "stain", "stains?"],
  ["defects", "", "defects?|defective|anomal(?:y|ies)"],
  ["material", "IC", "ics?|integrated circuits?"],
  ["material", "passive_component", "passive[- _]components?|passives?|capacitors?"],
  ["usecase", "pcb", "pcb(?:a|s|as)?|printed circuit boards?"],
  ["usecase", "metal_surface", "metal(?:[- _]surfaces?)?|magnetic tiles?"],
  ["usecase", "glass", "glass|(?:phone|mobile)[- _]screens?"],
  ["custom-usecase", "", "(?:new|own|custom|another|other|different) use ?-?cases?"],
  ["board", "", nouns],
  ["other-board", "", `(?:another|other|different|custom|new|(?:my|our) own|own|my) ${nouns}`],
  ["family", "good", "good|clean|golden|defect[- ]free|normal"],
  ["family", "texture", "textures?|day[- ]?(?:0|zero)"],
  ["family", "structural", "structural|poses?|pose[- ]perturbation"],
  ["family", "photo", "day[- ]?(?:1|one)|(?:real[- ])?alignment"],
  ["family", "manual", "manual[- ]roi|pre-?captured|flat upload"],
  ["family", "finetune", "fine-? ?tun(?:e|es|ed|ing)|(?:re)?train(?:s|ed|ing)?"],
  ["family", "setup", "set ?up|set everything up|setting up|download|fetch"],
  ["family", "pretrained", "(?:the )?pretrained(?: models?| tree| weights)?"],
  [
    "photo",
    "",
    "(?:real |board |pcba? |aoi )*(?:photos?|photographs?|screenshots?)|real (?:board |pcba? )?(?:images?|pictures?)",
  ],
  ["data", "", "data(?: ?sets?)?|masks?"],
  ["unit", "crop", "crops?|rois?"],
  ["unit", "patch", "(?:raw )?patch(?:es)?|raw frames?|(?:grid |scan )?cells?"],
  ["unit", "image", "images?|samples?|pictures?|frames?"],
  ["unit", "them", "of (?:them|these|those)"],
  [
    "bound",
    "",
    "(?:at (?:least|most)|up to|more than|less than|fewer than|over|under|above|below|maximum|minimum|max|min)",
  ],
  ["total", "", "in total|in all|altogether|overall"],
  ["per-cell", "", "(?:per|a|each|every|for each) (?:material and )?cell"],
  [
    "negation",
    "",
    "no|not|non|none|never|without|except(?:ing)?|excluding|excludes?|but|neither|nor|avoid|skip|omit|minus|instead(?: of)?|rather(?: than)?|other than|apart from|besides|unless|leave out|drop|remove|(?:do|does|is|are|was|were|wo|ca|should|must|could|would|did|have|has)n['’]?t|cannot|anything but|all but|everything but",
  ],
  ["only", "", "only|just|solely|exclusively|nothing else"],
  ["own", "", "my(?: own)?|our(?: own)?|own"],
  ["checkpoint", "", "(?:the )?(?:(?:shipped|existing|released) )?(?:checkpoints?|models?|steps?|iter(?:ation)?s?)"],
  ["gpu", "", "gpus?"],
  ["full", "", "full (?:coverage|board|scan)|(?:every|all)(?: the)? cells?|whole board"],
  ["smoke", "", "(?:quick )?smoke(?:[- ]tests?)?|(?:quick|sanity) (?:run|test|try|check)"],
  ["recipe", "", "(?:the )?(?:recipe|plan|dry[- ]run)|show me (?:the|a) plan"],
  ["pair", "", "(?:changenet )?(?:golden[/ -]defect )?pairs?"],
  ["article", "", "an?|single"],
  ["and", "", "and"],
];

/** Words between a number and what it counts that change nothing. */
export const adjectives = "final synthetic rendered labelled labeled annotated realistic styled different".split(" ");

/**
 * Words that ask, thank and connect. A word that could carry a value, a limit or a choice does not belong here: what is
 * missing costs a question, what is wrong here costs GPU hours.
 */
export const fillers = `
please pls thanks thank you kindly hi hello hey
i we us me they it its he she that this these those which who whose there here them
am is are be been being was will would could can shall should may might must let lets let's i'd we'd i'll we'll i'm i've
want wants wanted need needs needed like wish love get give make makes create creates generate generates generated generating
produce produces produced render renders build builds run runs running start launch submit do does done have has show me tell
generation inference walk through take use uses using go want
the of for from to on in at with by into onto as so then also too if when now today
some any set batch shipped flow flows workflow workflows pipeline job
image-edit osmo anomalygen
label labels labelled labeled labeling
captured on machine aoi about around approximately roughly
component components part parts
`
  .trim()
  .split(/\s+/);
