import type { ApiRole } from '../trust/index.ts';
import type { Api } from './api.ts';
import type { Caller } from './caller.ts';
import type { Answer } from './http/index.ts';
import type { Job } from './jobs/index.ts';
import type { Schema } from './schema.ts';

export type Method = 'GET' | 'POST' | 'DELETE';
export type Parameters = Readonly<Record<string, Schema<unknown>>>;
type ValuesOf<P extends Parameters> = { readonly [K in keyof P]: P[K] extends Schema<infer T> ? T : never };

export type Input<P extends Parameters, Q extends Parameters, B> = {
  readonly caller: Caller;
  /** Of the path, of the query (each may be left out), and the body. */
  readonly path: ValuesOf<P>;
  readonly query: Partial<ValuesOf<Q>>;
  readonly body: B;
};

/** What a route gives: a value, a job that was begun, nothing, or an answer of its own kind. */
type Gives =
  | { readonly kind: 'value'; readonly schema: Schema<unknown> }
  | { readonly kind: 'job' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'own'; readonly type: string };

export type Route = {
  readonly method: Method;
  /** `/v1/jobs/{id}` */
  readonly path: string;
  readonly role: ApiRole;
  /** A verb first, no full stop. */
  readonly summary: string;
  readonly parameters: Parameters;
  readonly query: Parameters;
  readonly body: Schema<unknown> | undefined;
  readonly gives: Gives;
  run(api: Api, input: Input<Parameters, Parameters, unknown>): Promise<unknown>;
};

type Definition<P extends Parameters, Q extends Parameters, B, R> = {
  readonly path: string;
  readonly role: ApiRole;
  readonly summary: string;
  readonly parameters?: P;
  readonly query?: Q;
  readonly body?: Schema<B>;
  run(api: Api, input: Input<P, Q, B>): Promise<R>;
};

type None = Record<never, never>;
const toRoute = <P extends Parameters, Q extends Parameters, B, R>(
  method: Method,
  gives: Gives,
  { parameters, query, body, ...rest }: Definition<P, Q, B, R>,
): Route =>
  ({ ...rest, method, gives, parameters: parameters ?? {}, query: query ?? {}, body }) as unknown as Route;

/** A route that answers with a value. */
export const valueRoute = <R, P extends Parameters = None, Q extends Parameters = None, B = undefined>(
  method: Method,
  schema: Schema<R>,
  definition: Definition<P, Q, B, R>,
): Route => toRoute(method, { kind: 'value', schema }, definition);

/** A route that begins a job: 202, and where it can be watched. */
export const jobRoute = <P extends Parameters = None, Q extends Parameters = None, B = undefined>(
  definition: Definition<P, Q, B, Job>,
): Route => toRoute('POST', { kind: 'job' }, definition);

export const emptyRoute = <P extends Parameters = None, Q extends Parameters = None, B = undefined>(
  method: Method,
  definition: Definition<P, Q, B, void>,
): Route => toRoute(method, { kind: 'nothing' }, definition);

/** A route whose answer is no JSON of ours. */
export const ownRoute = <P extends Parameters = None, Q extends Parameters = None>(
  type: string,
  definition: Definition<P, Q, undefined, Answer>,
): Route => toRoute('GET', { kind: 'own', type }, definition);
