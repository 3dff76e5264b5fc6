export type { Payload, Request, Response } from './exchange.ts';
export { Pool } from './pool.ts';
export { isLoopback } from './proxy.ts';
export { isTransient, permanent, transientError } from './transient.ts';
