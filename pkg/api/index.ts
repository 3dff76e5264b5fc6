export type { Health } from './answers.ts';
export { type AuditEntry, checkAudit } from './audit.ts';
export type { RemoteOptions } from './client/call.ts';
export type { Call } from './client/exchange.ts';
export type { Job } from './jobs/index.ts';

export const serve: typeof import('./serve.ts').serve = async (...args) =>
  (await import('./serve.ts')).serve(...args);
export const openApiDocument: (version: string) => Promise<object> = async (version) =>
  (await import('./openapi.ts')).openApiDocument(version);
export const renderRoles = async (): Promise<string> => (await import('./openapi.ts')).renderRoles();
export const supportBundle: typeof import('./support/bundle.ts').supportBundle = async (...args) =>
  (await import('./support/bundle.ts')).supportBundle(...args);
export const callMachine: typeof import('./client/call.ts').callMachine = async (...args) =>
  (await import('./client/call.ts')).callMachine(...args);
