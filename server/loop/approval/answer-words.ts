/** What a person is asked to agree to: that work starts, that it stops, or that a stop is dealt with. */
export type Act = "start" | "stop" | "repair";

/** How the words that an agent passed on read; `pass` names settings that they ask for. */
export type Reading = {
  readonly as: "yes" | "no" | "question" | "change" | "unclear" | "blank";
  readonly pass?: Readonly<Record<string, number>>;
};

/** Any of the words as whole words, in any script that parts words. */
function wholeWords(words: string): RegExp {
  const alternatives = words.trim().split(/\s*\|\s*/);
  return new RegExp(`(?<![\\p{L}\\p{N}'])(?:${alternatives.join("|")})(?![\\p{L}\\p{N}])`, "iu");
}

/** Said with a word of refusal, and none. */
const harmless =
  /\b(?:no|not a|zero) (?:problem|objections?|changes?|questions?|worries|issues?)\b|\b(?:do not|don't|no) (?:worry|mind)\b|\bwhy not\b|\b(?:nothing to change)\b|\bkein(?:e)? (?:problem|einw[aä]nde?|[aä]nderungen?)\b|\bpas de (?:probl[eè]me|souci)\b|\bsin (?:problemas?|cambios)\b|\bno hay problema\b|\bsem problemas?\b|\bnessun problema\b|\bgeen probleem\b|没问题|沒問題|没有问题|不错|問題ない|問題ありません|문제없/giu;

const refusing = wholeWords(`
  no|nope|nah|never|not|don'?t|cannot|can'?t|won'?t|wait|hold on|hold off|reject|rejected|decline|declined|refuse|refused|
  deny|denied|disagree|later|postpone|forget it|nein|nee|nicht|kein|keine|warte|warten|ablehnen|abgelehnt|später|niemals|
  non|pas|ne|attends|attendez|jamais|plus tard|nunca|espera|espere|rechazo|rechazado|não|nao|aspetta|niet|wacht|nie|
  czekaj|nej|nei|inte|ikke|vänta|нет|не|подожди|подождите|отказ|hayır|bekle|không|tidak|jangan|لا|नहीं`);
const refusingScript = /不|没有|别|別|等一|稍等|拒绝|拒絕|いいえ|だめ|ダメ|駄目|待って|아니|안 ?돼|하지 ?마|기다/u;

/** A refusal to start; where something is to stop, a yes. */
const halting = wholeWords(`
  stop|stopp|cancel|abort|halt|pause|kill it|abbrechen|abbruch|anhalten|arrête|arrêtez|annule|annuler|annulez|cancela|
  cancelar|cancele|detén|pare|annulla|ferma|annuleer|anuluj|avbryt|стоп|отмена|отмени|iptal|durdur`);
const haltingScript = /取消|停止|中止|やめ|キャンセル|취소|중지/u;
const goingOn = wholeWords("keep|continue|let it run|go on|weiter|weiterlaufen|continuer|sigue|continúa");

const asking =
  /[?？؟]|^(?:what|why|how|which|when|who|where|can you|could you|is (?:it|this|that)|are (?:you|there)|does|wie|was|warum|welche|wieviel|wann|kannst|combien|pourquoi|comment|quel|quelle|qu[eé]|cu[aá]nto|c[oó]mo|por ?qu[eé]|quanto|come|perch[eé]|hoeveel|ile|dlaczego|сколько|почему|как|kaç|neden)(?![\p{L}\p{N}])|多少|为什么|什么|吗$|ですか|でしょうか|까요$/iu;

const conditional = wholeWords(`
  but|however|except|instead|unless|only if|if|provided|although|rather|aber|jedoch|allerdings|stattdessen|außer|falls|
  wenn|mais|sauf|plutôt|pero|excepto|en vez|mas|porém|exceto|ma|però|tranne|invece|maar|behalve|ale|men|но|кроме|ama|ancak`);
const conditionalScript = /但|不过|不過|除了|ただし|でも|しかし|하지만|그런데/u;
const changing = wholeWords(`
  change|modify|adjust|increase|decrease|raise|lower|reduce|replace|remove|make it|make that|should be|set|more|less|fewer|
  only|first|before|ändere|ändern|erhöhe|setze|senke|nur|zuerst|erst|lieber|mehr|weniger|changez|changer|d'abord|cambia|
  cambiar|primero|mude|altere|primeiro|prima|wijzig|verander|zmień|ändra|endre|только|измени|измените|değiştir`);
const changingScript = /改|变更|變更|先|変更|変えて|바꿔|변경/u;
const hesitating = wholeWords(`
  maybe|perhaps|hmm+|unsure|i guess|let me|think about|question|vielleicht|mal sehen|peut-être|quizás|quizá|tal vez|talvez|
  forse|misschien|może|kanske|возможно|может быть|belki|n/a|none|null|undefined|tbd`);

const agreeing = wholeWords(`
  yes|yeah|yep|yup|yea|aye|ok|okay|okey|okej|sure|go ahead|proceed|do it|do that|approve|approved|approves|i approve|
  confirm|confirmed|agree|agreed|accept|accepted|lgtm|looks good|looks fine|sounds good|absolutely|definitely|certainly|
  of course|please do|ship it|all good|affirmative|ja|jawohl|jo|klar|gerne|passt|genehmigt|genehmige|freigegeben|
  einverstanden|in ordnung|bestätigt|bestätige|leg los|mach es|mach das|oui|d'accord|vas-y|allez-y|c'est bon|parfait|approuvé|
  j'approuve|je confirme|entendu|vale|adelante|de acuerdo|aprobado|apruebo|claro|hazlo|dale|confirmo|sim|pode|aprovado|concordo|
  va bene|procedi|approvato|confermo|d'accordo|akkoord|doe maar|ga door|tak|zgoda|zatwierdzam|potwierdzam|godkänt|godkjent|
  godkendt|да|хорошо|согласен|согласна|давай|давайте|одобряю|подтверждаю|ок|evet|tamam|onaylıyorum|ano|đồng ý|vâng|ya|setuju|
  نعم|हाँ|हां`);
const agreeingScript =
  /👍|✅|👌|🆗|好|可以|同意|批准|确认|確認|执行|開始|开始|继续|はい|お願いします|承認|了解|大丈夫|進めて|実行|^是|^行|^네|^예|좋|승인|진행|시작/u;
const siAlone = /^s[iíì](?=$|[\s]*[,.!;])/iu;
/** A yes where it is all that is said, or begins it. */
const agreeingShort = wholeWords(`
  go|run|start|launch|begin|continue|fine|good|great|perfect|correct|right|gut|los|starte|starten|weiter|bien|lance|lancez|
  perfecto|correcto|certo|perfeito|vamos|vai|perfetto|prima|goed|dobrze|ruszaj|kör|запускай|запускайте|lanjut`);
const repairing = wholeWords(`
  done|repaired|fixed|mended|restored|replaced|corrected|resolved|removed|cleaned|freed|behoben|repariert|erledigt|korrigiert|
  ersetzt|corrigé|réparé|fait|remplacé|arreglado|corregido|hecho|reparado|corrigido|feito|consertado|riparato|corretto|fatto|
  opgelost|gerepareerd|naprawione|fixat|исправлено|исправил|готово|düzeltildi`);
const repairingScript = /修好|修复|完成|直しました|修正|해결|수정/u;

/** Settings of a plan as people name them beside a number. */
const settings: readonly (readonly [string, string])[] = [
  [
    "max_iterations",
    "max[_ ]?iterations?|iterations?|iterationen|itérations?|iteraciones|iterações|iterazioni|iteraties|loops?|итераци[ийя]|次迭代|迭代|イテレーション",
  ],
  ["num_epochs", "num[_ ]?epochs?|epochs?|epochen|époques?|épocas?|epoche|epoki|эпох[аи]?|轮"],
  ["num_sdg", "num[_ ]?sdg|images?|bilder|imágenes|imagens|immagini"],
  ["top_k", "top[_ -]?k"],
  ["batch_size", "batch[_ ]?size|batch"],
  ["min_similarity", "min[_ ]?similarity|similarity|cut-?off"],
  ["rows_per_iteration", "rows[_ ]?per[_ ]?iteration"],
  ["patience", "patience|geduld|paciencia|pazienza"],
  ["seed", "seed"],
];

/**
 * Reads the words that a person answered a summary with, in common languages. Only a clear yes is a yes: a refusal, a
 * question, a change and whatever else is not one of these is told apart for the sake of what to do next.
 *
 * @param settled settings of the plan that was shown; words that repeat them ask for no change.
 */
export function readAnswer(words: string, act: Act, settled: Readonly<Record<string, unknown>> = {}): Reading {
  // Marks that nobody sees are no answer, and part no word that somebody does see.
  const text = words
    .normalize("NFKC")
    .replaceAll(/[\p{Cf}\p{Cc}\p{Z}\s\u3164\u115f\u1160\u2800]+/gu, (gap) => (/[\p{Z}\s]/u.test(gap) ? " " : ""))
    .replaceAll("’", "'")
    .trim();
  if (!/[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(text)) return { as: "blank" };
  const plain = text.replaceAll(harmless, " ok ");
  const agrees = agreesTo(plain, act);
  const pass = act === "start" ? changesIn(plain, settled) : {};
  const named = Object.keys(pass).length > 0;
  if (refusesIt(plain, act)) {
    if (act === "start" && (named || changing.test(plain))) return { as: "change", pass };
    return { as: agrees && refusing.exec(plain)?.index !== 0 ? "unclear" : "no" };
  }
  if (asking.test(plain)) return { as: "question" };
  const alters = act === "start" && (named || isMet(plain, changing, changingScript));
  if (alters || isMet(plain, conditional, conditionalScript)) return { as: "change", ...(alters ? { pass } : {}) };
  return { as: agrees && !hesitating.test(plain) ? "yes" : "unclear" };
}

function isMet(text: string, words: RegExp, script: RegExp): boolean {
  return words.test(text) || script.test(text);
}

function refusesIt(text: string, act: Act): boolean {
  if (isMet(text, refusing, refusingScript)) return true;
  return act === "stop" ? goingOn.test(text) : isMet(text, halting, haltingScript);
}

function agreesTo(text: string, act: Act): boolean {
  if (isMet(text, agreeing, agreeingScript) || siAlone.test(text)) return true;
  if (act === "stop" && isMet(text, halting, haltingScript)) return true;
  if (act === "repair" && isMet(text, repairing, repairingScript)) return true;
  if (act === "stop") return false;
  const found = agreeingShort.exec(text);
  return found !== null && (found.index === 0 || text.split(" ").length <= 4);
}

/** Settings with a number beside them that the shown plan does not have. */
function changesIn(text: string, settled: Readonly<Record<string, unknown>>): Record<string, number> {
  const asked: Record<string, number> = {};
  for (const [name, spoken] of settings) {
    const after = new RegExp(`(?<![\\p{L}\\p{N}.])(\\d+(?:\\.\\d+)?)\\s*(?:${spoken})(?![\\p{L}])`, "iu").exec(text);
    const before = new RegExp(`(?<![\\p{L}_])(?:${spoken})\\D{0,16}?(\\d+(?:\\.\\d+)?)`, "iu").exec(text);
    const value = Number(after?.[1] ?? before?.[1] ?? Number.NaN);
    if (Number.isFinite(value) && settled[name] !== value) asked[name] = value;
  }
  return asked;
}
