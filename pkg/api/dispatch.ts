import { MosError } from '../errors/index.ts';
import type { Api } from './api.ts';
import { type Caller, mayCall } from './caller.ts';
import { type Answer, emptyAnswer, jsonAnswer, problemAnswer, Refused, type Request } from './http/index.ts';
import type { Job } from './jobs/index.ts';
import { parseStrictJson } from './json.ts';
import type { Parameters, Route } from './route.ts';
import { routes } from './routes.ts';

type Found = { readonly route: Route; readonly values: Readonly<Record<string, string>> };

/** `/v1/jobs/{id}` as a pattern; the names of its parameters are those of the groups. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);

const patterns = new Map([...new Set(routes.map(({ path }) => path))].map((path) => [path, patternOf(path)]));

/** Exactly one path may fit; a path that is there with another method is told so. */
export function findRoute(method: string, path: string): Found {
  const there = routes.filter((route) => patterns.get(route.path)?.test(path));
  if (there.length === 0) throw new Refused(404, `there is no ${path.slice(0, 200)}`);
  const route = there.find((one) => one.method === method || (one.method === 'GET' && method === 'HEAD'));
  if (route === undefined) {
    const allow = there.map((one) => one.method).join(', ');
    throw new Refused(405, `${path.slice(0, 200)} is for ${allow}`, { headers: { allow } });
  }
  return { route, values: { ...patterns.get(route.path)?.exec(path)?.groups } };
}

/** One request of a caller who is known. Whatever fails is an answer; every call is in the audit log. */
export async function dispatch(api: Api, caller: Caller, request: Request): Promise<Answer> {
  let found: Found | undefined;
  let answer: Answer;
  const call: Call = { hasBegun: false };
  try {
    found = findRoute(request.method, request.path);
    answer = await answerTo(api, caller, request, found, call);
  } catch (error) {
    answer = problemAnswer(error);
  }
  return recorded(api, caller, request, found, call, answer);
}

/** Whether it got as far as to change something. */
type Call = { hasBegun: boolean };

async function answerTo(
  api: Api,
  caller: Caller,
  request: Request,
  { route, values }: Found,
  call: Call,
): Promise<Answer> {
  if (!mayCall(caller.role, route.role))
    throw new MosError(
      'denied',
      `cannot let ${caller.name} ${route.method} ${route.path}: it is for the role ${route.role}, not ${caller.role}`,
    );
  const path = valuesOf(route.parameters, values);
  const query = valuesOf(route.query, Object.fromEntries(request.query));
  const body = bodyOf(route, request);
  // On the disk before it happens: who cuts the power afterwards takes nothing out of the log.
  if (route.method !== 'GET') {
    await api.audit.record({ ...who(caller), what: `${route.method} ${request.path}`, result: 'begun' });
    call.hasBegun = true;
  }
  const result = await route.run(api, { caller, path, query, body });
  switch (route.gives.kind) {
    case 'value':
      return jsonAnswer(result);
    case 'job':
      return jsonAnswer(result, 202, { location: `/v1/jobs/${(result as Job).id}` });
    case 'nothing':
      return emptyAnswer;
    case 'own':
      return result as Answer;
  }
}

/** Texts of path and query to values; one that is not known is refused. */
function valuesOf(schemas: Parameters, given: Readonly<Record<string, string>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(given)) {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (schema === undefined)
      throw new Refused(400, `${JSON.stringify(name.slice(0, 100))} is not known here`);
    const isNumber = schema.json['type'] === 'integer' && /^(0|[1-9]\d{0,15})$/.test(text);
    values[name] = schema.check(isNumber ? Number(text) : text, name);
  }
  return values;
}

function bodyOf({ body: schema }: Route, request: Request): unknown {
  const { body, headers } = request;
  if (schema === undefined) {
    if (body.length > 0) throw new Refused(400, 'no body is wanted here');
    return undefined;
  }
  // A form of a web page can't send this type without asking first.
  if (body.length > 0 && !/^application\/json *(; *charset=utf-8)?$/i.test(headers.get('content-type') ?? ''))
    throw new Refused(415, 'the body must be application/json');
  return schema.check(body.length === 0 ? {} : parseStrictJson(body), 'the body');
}

const who = ({ name, role }: Caller) => ({ who: name, role });

async function recorded(
  api: Api,
  caller: Caller,
  request: Request,
  found: Found | undefined,
  { hasBegun }: Call,
  answer: Answer,
): Promise<Answer> {
  const key = `answers_${String(answer.status)[0]}`;
  api.counts.set(key, (api.counts.get(key) ?? 0) + 1);
  // What is not there, or not allowed, is one entry whatever it is called: nobody can write the log full with it.
  const isReal = hasBegun || answer.status < 400;
  const path = found === undefined ? '(no route)' : isReal ? request.path : found.route.path;
  const call = { ...who(caller), what: `${request.method} ${path}`, result: String(answer.status) };
  if (hasBegun) await api.audit.record(call);
  else api.audit.look(call);
  return answer;
}
