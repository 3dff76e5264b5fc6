export { type ExecOptions, type ExecResult, exec } from './exec.ts';
export { makeGrantedFolder, type ServiceGrant, serviceGrants } from './grant.ts';
export { type Hold, readHolds } from './hold.ts';
export { ps, type ServiceState, serviceStates } from './list.ts';
export type { StartRequest } from './new-container.ts';
export { type LogsOptions, type LogsResult, logs } from './output.ts';
export type { SecurityPoint } from './score.ts';
export { type SecurityResult, type ServiceSecurity, security } from './security.ts';
export { type Started, startService } from './start.ts';
export {
  type StopAllOptions,
  type StopAllResult,
  type StopOptions,
  type StopResult,
  stop,
  stopAll,
  stopFormer,
} from './stop.ts';
export {
  ensureSupervisor,
  type SuperviseOptions,
  type SuperviseResult,
  supervise,
} from './supervise.ts';
export { listServices, type ServiceList } from './watch.ts';
