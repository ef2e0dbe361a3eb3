/*
 * What the MDN HTTP Observatory says about one HTTPS address, as JSON.
 *
 *	node observatory.mjs HOST PORT
 *
 * Its scan() knows no other port than 443, so the same steps are taken
 * here with its own parts. A process of its own, because a certificate
 * authority of the tests can only be given to node at its start
 * (NODE_EXTRA_CA_CERTS). The list of preloaded hosts, which its install
 * script would fetch, is empty here: no test host is on it.
 */

import { existsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const root = path.dirname(createRequire(import.meta.url).resolve("@mdn/mdn-http-observatory/package.json"));
const list = path.join(root, "conf", "hsts-preload.json");
if (!existsSync(list))
	writeFileSync(list, "{}");

const { ALL_TESTS } = await import(path.join(root, "src/constants.js"));
const { retrieve } = await import(path.join(root, "src/retriever/retriever.js"));
const { getGradeForScore, getScoreModifier } = await import(path.join(root, "src/grader/grader.js"));
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await import(path.join(root, "src/grader/charts.js"));

const CLOSED_PORT = 1;
const requests = await retrieve(process.argv[2], { httpsPort: Number(process.argv[3]), httpPort: CLOSED_PORT });
const tests = Object.fromEntries(ALL_TESTS.map((test) => {
	const { constructor, result, pass } = test(requests);
	return [constructor.name, { result, pass, modifier: getScoreModifier(result) }];
}));
const all = Object.values(tests);
const plain = all.reduce((sum, t) => sum + Math.min(t.modifier, 0), 100);
const score = plain >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? all.reduce((sum, t) => sum + t.modifier, 100) : plain;
console.log(JSON.stringify({ score, grade: getGradeForScore(score).grade, status: requests.responses.auto?.status, tests }));
