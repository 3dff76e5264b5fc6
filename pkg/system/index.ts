/** The operations, each loaded when it is called: a command pays for its own only. */
export type { ActivateOptions, ActivateResult } from './activate.ts';
export type { BootedTarget, BootOptions, BootResult } from './boot.ts';
export type { Started } from './boot-choice.ts';
export type { BootCompleteOptions, BootCompleteResult } from './boot-complete.ts';
export type { EspBytes } from './boot-files/index.ts';
export type { ConvertImageOptions } from './convert-image.ts';
export type { BootFsOptions, BootFsResult } from './create-boot-fs.ts';
export type { DiffOptions, DiffResult } from './diff.ts';
export type {
  DiskInstallOptions,
  DiskInstallPlan,
  DiskInstallResult,
  RecoverOptions,
  RecoverResult,
} from './disk-install/index.ts';
export { conversionCache, sourceDate, sourceSeconds, workingFolders } from './environment.ts';
export type { GcOptions, GcResult } from './gc.ts';
export type { LogEntry, LogOptions, PinOptions, PinResult } from './history.ts';
export type { ImportBytes } from './images.ts';
export type { IncomingOptions, ResultTarget } from './incoming.ts';
export type { InspectedImage, InspectedLayer } from './inspect-image.ts';
export type { InspectedManifest, ManifestProof, VerifyManifestOptions } from './inspect-manifest.ts';
export type { InstallOptions, InstallResult } from './install.ts';
export type {
  LiveActOptions,
  LiveActResult,
  LiveFetchOptions,
  LiveRoot,
  LiveRootOptions,
  MadeMedium,
  MakeMediumOptions,
} from './live/index.ts';
export {
  mediumFolder,
  onMedium,
  parsePin,
  renderRoot,
  requireRegistry,
  rootWord,
} from './live/pinned.ts';
export type { Content, MirrorChange, Mirrors, Offer, Shelf } from './mirror/index.ts';
export type { MountOptions, MountResult } from './mount.ts';
export type { MountImageOptions } from './mount-image.ts';
export type { OperationPlan } from './operation.ts';
export { type MachinePaths, machinePaths } from './paths.ts';
export { type Login, type Place, parseName, parsePlace, placeOf, type RegistryAccess } from './places.ts';
export type { PublishOptions, PublishResult } from './publish.ts';
export type { PublishedTarget } from './publish-target.ts';
export type { RollbackOptions, RollbackResult } from './rollback.ts';
export type { StatusOptions, StatusResult, StatusTarget } from './status.ts';
export type { StatusMount } from './status-mounts.ts';
export type { TicketOptions, TicketResult } from './ticket/accept.ts';
export type { Protection, Provisioned, ProvisionOptions, Release } from './tpm/index.ts';
export { passphraseForInstall } from './tpm/layout.ts';
export type { UmountOptions, UmountResult } from './umount.ts';
export type { UpdateOptions, UpdateResult } from './update.ts';
export type { VerifyOptions, VerifyProblem, VerifyResult } from './verify.ts';
export { parseWhich } from './which.ts';
export type { WhyManifest, WhyOptions, WhyResult } from './why.ts';

export const activate: typeof import('./activate.ts').activate = async (...args) =>
  (await import('./activate.ts')).activate(...args);
export const boot: typeof import('./boot.ts').boot = async (...args) =>
  (await import('./boot.ts')).boot(...args);
export const bootComplete: typeof import('./boot-complete.ts').bootComplete = async (...args) =>
  (await import('./boot-complete.ts')).bootComplete(...args);
export const recordBootFailure: typeof import('./boot-failure.ts').recordBootFailure = async (...args) =>
  (await import('./boot-failure.ts')).recordBootFailure(...args);
export const convertImage: typeof import('./convert-image.ts').convertImage = async (...args) =>
  (await import('./convert-image.ts')).convertImage(...args);
export const createBootFs: typeof import('./create-boot-fs.ts').createBootFs = async (...args) =>
  (await import('./create-boot-fs.ts')).createBootFs(...args);
export const diff: typeof import('./diff.ts').diff = async (...args) =>
  (await import('./diff.ts')).diff(...args);
export const gc: typeof import('./gc.ts').gc = async (...args) => (await import('./gc.ts')).gc(...args);
export const actLive: typeof import('./live/index.ts').actLive = async (...args) =>
  (await import('./live/index.ts')).actLive(...args);
export const makeLiveMedium: typeof import('./live/index.ts').makeLiveMedium = async (...args) =>
  (await import('./live/index.ts')).makeLiveMedium(...args);
export const fetchLive: typeof import('./live/fetch.ts').fetchLive = async (...args) =>
  (await import('./live/fetch.ts')).fetchLive(...args);
export const mountLiveRoot: typeof import('./live/root.ts').mountLiveRoot = async (...args) =>
  (await import('./live/root.ts')).mountLiveRoot(...args);
export const log: typeof import('./history.ts').log = async (...args) =>
  (await import('./history.ts')).log(...args);
export const pin: typeof import('./history.ts').pin = async (...args) =>
  (await import('./history.ts')).pin(...args);
export const inspectImage: typeof import('./inspect-image.ts').inspectImage = async (...args) =>
  (await import('./inspect-image.ts')).inspectImage(...args);
export const inspectManifest: typeof import('./inspect-manifest.ts').inspectManifest = async (...args) =>
  (await import('./inspect-manifest.ts')).inspectManifest(...args);
export const readLayout: typeof import('./disk-install/index.ts').readLayout = async (...args) =>
  (await import('./disk-install/index.ts')).readLayout(...args);
export const installOnDisk: typeof import('./disk-install/index.ts').installOnDisk = async (...args) =>
  (await import('./disk-install/index.ts')).installOnDisk(...args);
export const recover: typeof import('./disk-install/index.ts').recover = async (...args) =>
  (await import('./disk-install/index.ts')).recover(...args);
export const install: typeof import('./install.ts').install = async (...args) =>
  (await import('./install.ts')).install(...args);
export const mount: typeof import('./mount.ts').mount = async (...args) =>
  (await import('./mount.ts')).mount(...args);
export const mountImage: typeof import('./mount-image.ts').mountImage = async (...args) =>
  (await import('./mount-image.ts')).mountImage(...args);
export const provision: typeof import('./tpm/index.ts').provision = async (...args) =>
  (await import('./tpm/index.ts')).provision(...args);
export const releaseSecrets: typeof import('./tpm/index.ts').releaseSecrets = async (...args) =>
  (await import('./tpm/index.ts')).releaseSecrets(...args);
export const recordProtection: typeof import('./tpm/index.ts').recordProtection = async (...args) =>
  (await import('./tpm/index.ts')).recordProtection(...args);
export const closeSecrets: typeof import('./tpm/index.ts').closeSecrets = async (...args) =>
  (await import('./tpm/index.ts')).closeSecrets(...args);
export const publish: typeof import('./publish.ts').publish = async (...args) =>
  (await import('./publish.ts')).publish(...args);
export const fetchUpdate: typeof import('./update.ts').fetchUpdate = async (...args) =>
  (await import('./update.ts')).fetchUpdate(...args);
export const pinReference: typeof import('./pin-reference.ts').pinReference = async (...args) =>
  (await import('./pin-reference.ts')).pinReference(...args);
export const reboot: typeof import('./reboot.ts').reboot = async (...args) =>
  (await import('./reboot.ts')).reboot(...args);
export const acceptTicket: typeof import('./ticket/accept.ts').acceptTicket = async (...args) =>
  (await import('./ticket/accept.ts')).acceptTicket(...args);
export const rollback: typeof import('./rollback.ts').rollback = async (...args) =>
  (await import('./rollback.ts')).rollback(...args);
export const status: typeof import('./status.ts').status = async (...args) =>
  (await import('./status.ts')).status(...args);
export const umount: typeof import('./umount.ts').umount = async (...args) =>
  (await import('./umount.ts')).umount(...args);
export const update: typeof import('./update.ts').update = async (...args) =>
  (await import('./update.ts')).update(...args);
export const verify: typeof import('./verify.ts').verify = async (...args) =>
  (await import('./verify.ts')).verify(...args);
export const verifyPublished: typeof import('./inspect-manifest.ts').verifyPublished = async (...args) =>
  (await import('./inspect-manifest.ts')).verifyPublished(...args);
export const why: typeof import('./why.ts').why = async (...args) => (await import('./why.ts')).why(...args);
export {
  type BootFile,
  type BuiltBootkit,
  buildBootkit,
  type PackInitrd,
  parseBuildId,
  readBootFile,
} from './bootkit/index.ts';
export type { ReceiptContent } from './receipt-content.ts';
export {
  exec,
  type LogsResult,
  listServices,
  logs,
  makeGrantedFolder,
  ps,
  type SecurityPoint,
  type SecurityResult,
  type ServiceGrant,
  type ServiceList,
  type ServiceSecurity,
  type ServiceState,
  security,
  serviceGrants,
  stop,
  stopAll,
  supervise,
} from './service/index.ts';
export { listVolumes, type PurgeResult, purgeVolume, type VolumeState } from './volume/index.ts';
export const makeReceipt: typeof import('./receipt.ts').makeReceipt = async (...args) =>
  (await import('./receipt.ts')).makeReceipt(...args);
export type { MadeReceipt } from './receipts.ts';
export const listReceipts: typeof import('./receipts.ts').listReceipts = async (...args) =>
  (await import('./receipts.ts')).listReceipts(...args);
export const verifyReceipt: typeof import('./receipt.ts').verifyReceipt = async (...args) =>
  (await import('./receipt.ts')).verifyReceipt(...args);
export const readOffer: typeof import('./mirror/index.ts').readOffer = async (...args) =>
  (await import('./mirror/index.ts')).readOffer(...args);
export const offerMark: typeof import('./mirror/index.ts').offerMark = async (...args) =>
  (await import('./mirror/index.ts')).offerMark(...args);
export type { NextAction } from './upgrade/automatic.ts';
export type { UpgradeOptions } from './upgrade/commands.ts';
export type { ChosenUpdate, CommandRecord, CommandType, FailedUpdate } from './upgrade/record.ts';
export type { SettingsChange, UpdateSettings, UpdateSource } from './upgrade/settings.ts';
export { updateStates } from './upgrade/state.ts';
export type { NextStep, UpdateSlot, UpdatesStatus } from './upgrade/status.ts';
export type { UpdateSummary } from './upgrade/summary.ts';
export type { UpdateHold } from './upgrade/update-holds.ts';
export const applyUpdate: typeof import('./upgrade/index.ts').applyUpdate = async (...args) =>
  (await import('./upgrade/index.ts')).applyUpdate(...args);
export const updateCommand: typeof import('./upgrade/index.ts').updateCommand = async (...args) =>
  (await import('./upgrade/index.ts')).updateCommand(...args);
export const requireCommand: typeof import('./upgrade/index.ts').requireCommand = async (...args) =>
  (await import('./upgrade/index.ts')).requireCommand(...args);
export const runCommand: typeof import('./upgrade/index.ts').runCommand = async (...args) =>
  (await import('./upgrade/index.ts')).runCommand(...args);
export const nextAutomatic: typeof import('./upgrade/index.ts').nextAutomatic = async (...args) =>
  (await import('./upgrade/index.ts')).nextAutomatic(...args);
export const performAutomatic: typeof import('./upgrade/index.ts').performAutomatic = async (...args) =>
  (await import('./upgrade/index.ts')).performAutomatic(...args);
export const changeSettings: typeof import('./upgrade/index.ts').changeSettings = async (...args) =>
  (await import('./upgrade/index.ts')).changeSettings(...args);
export const updateSettings: typeof import('./upgrade/index.ts').updateSettings = async (...args) =>
  (await import('./upgrade/index.ts')).updateSettings(...args);
export const updatesStatus: typeof import('./upgrade/index.ts').updatesStatus = async (...args) =>
  (await import('./upgrade/index.ts')).updatesStatus(...args);
export const holdUpdates: typeof import('./upgrade/index.ts').holdUpdates = async (...args) =>
  (await import('./upgrade/index.ts')).holdUpdates(...args);
export const listUpdateHolds: typeof import('./upgrade/index.ts').listUpdateHolds = async (...args) =>
  (await import('./upgrade/index.ts')).listUpdateHolds(...args);
export const releaseUpdates: typeof import('./upgrade/index.ts').releaseUpdates = async (...args) =>
  (await import('./upgrade/index.ts')).releaseUpdates(...args);
export const listMirrors: typeof import('./mirror/index.ts').listMirrors = async (...args) =>
  (await import('./mirror/index.ts')).listMirrors(...args);
export const changeMirrors: typeof import('./mirror/index.ts').changeMirrors = async (...args) =>
  (await import('./mirror/index.ts')).changeMirrors(...args);
export const upgradeFolder: typeof import('./upgrade/index.ts').upgradeFolder = async (...args) =>
  (await import('./upgrade/index.ts')).upgradeFolder(...args);
export { parseChannel, referenceOfRelease, renderChannel } from './release/channel.ts';
export type {
  AddReleaseOptions,
  Channel,
  ChannelOptions,
  EditedChannel,
  MachineIndex,
  ReadIndexOptions,
  ReleaseName,
  ShownChannel,
  SignChannelOptions,
  SignedIndex,
} from './release/index.ts';
export const addRelease: typeof import('./release/index.ts').addRelease = async (...args) =>
  (await import('./release/index.ts')).addRelease(...args);
export const setWaves: typeof import('./release/index.ts').setWaves = async (...args) =>
  (await import('./release/index.ts')).setWaves(...args);
export const setMax: typeof import('./release/index.ts').setMax = async (...args) =>
  (await import('./release/index.ts')).setMax(...args);
export const withdrawRelease: typeof import('./release/index.ts').withdrawRelease = async (...args) =>
  (await import('./release/index.ts')).withdrawRelease(...args);
export const signIndex: typeof import('./release/index.ts').signIndex = async (...args) =>
  (await import('./release/index.ts')).signIndex(...args);
export const showChannel: typeof import('./release/index.ts').showChannel = async (...args) =>
  (await import('./release/index.ts')).showChannel(...args);
export const readReleaseIndex: typeof import('./release/index.ts').readReleaseIndex = async (...args) =>
  (await import('./release/index.ts')).readReleaseIndex(...args);
