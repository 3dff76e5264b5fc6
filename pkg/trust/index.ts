export { type KeyType, keyTypes } from './algorithms.ts';
export { type AnchorOptions, type Anchors, parseAnchors, readAnchors, readSudiAnchors } from './anchors.ts';
export {
  type ApiClient,
  type ApiRole,
  type ApiTrust,
  apiRoles,
  readApiTrust,
  verifyApiClient,
} from './api-client.ts';
export type { TufRole } from './channel/metadata.ts';
export {
  type ChannelDays,
  type ChannelFile,
  draftChannel,
  type MissingSignatures,
  type SignedChannel,
  signChannel,
  usualDays,
} from './channel/publish.ts';
export {
  type ChannelKeys,
  openChannelKeys,
  type PublishedChannel,
  readPublishedChannel,
} from './channel/published.ts';
export { readChannel } from './channel/read.ts';
export type {
  ChannelPolicy,
  ChannelReading,
  ChannelSource,
  ChannelTrust,
  Endorsements,
} from './channel/types.ts';
export { type CertificateFacts, describeCertificates, signatureFits } from './describe.ts';
export { type AcceptanceTime, type Evidence, type Policy, type Proof, verifyEvidence } from './document.ts';
export { type EfiKey, signEfi } from './efi/sign.ts';
export { type VerifiedEfi, verifyEfi } from './efi/verify.ts';
export {
  type IdentityPair,
  type IdentityPolicy,
  type MachineIdentity,
  readIdentityPair,
  readMachineIdentity,
  verifyIdentity,
} from './identity.ts';
export {
  type AddedKeyset,
  type AddedProject,
  type AddedSudi,
  addKeyset,
  addProject,
  addSudi,
  type KeysetOptions,
} from './keyset/add.ts';
export {
  type AddedApiCa,
  type AddedApiClient,
  type ApiClientRequest,
  addApiCa,
  addApiClient,
} from './keyset/api.ts';
export { type KeysOptions, keysFolder } from './keyset/folder.ts';
export { listKeysets, listProjects, listSudis } from './keyset/list.ts';
export { type BootPurpose, firmwareKeys, type KeysetPcr7, keysetPcr7 } from './keyset/pcr7.ts';
export type { SignedPolicies } from './keyset/pcr7-data.ts';
export { addPcr7Data, generatePolicies, type Pcr7DataOptions, type PolicyFiles } from './keyset/policies.ts';
export { type Revoked, revokeApiClient, revokeProject } from './keyset/revoke.ts';
export { type ShownFile, type ShownKeyset, showKeyset } from './keyset/show.ts';
export { openSigner, parseProjectName, type Signer } from './keyset/signer.ts';
export { type AddedTicket, addTicket, readTicketFiles, type TicketRequest } from './keyset/ticket.ts';
export { addTufKeys, rotateTufKeys, showTufKeys, type TufKeys, type TufRotation } from './keyset/tuf-keys.ts';
export {
  parseTufCount,
  type TufCount,
  type TufCounts,
  usualCounts,
  usualRootDays,
} from './keyset/tuf-root.ts';
export { type VerifiedManifest, verifyInstallManifest } from './manifest.ts';
export { computePcr7, type FirmwareCertificate, type SecureBootState } from './pcr7.ts';
export {
  newestRevocationLists,
  type RevocationList,
  renderRevocationLists,
} from './revocation.ts';
export { signStatement, verifyStatement } from './statement.ts';
export { type Ticket, type TicketPolicy, type VerifiedTicket, verifyTicket } from './ticket.ts';
export { type MeasuredEvent, parseEventLog, replayPcr } from './tpm/event-log.ts';
export {
  authorizedPolicy,
  commandPolicy,
  luksPolicy,
  passwordPolicy,
  policyVersionIndex,
} from './tpm/policy.ts';
export { type QuotedPcrs, verifyQuote } from './tpm/quote.ts';
export { findKnownBoot, type KnownBoot, readLuksPolicy, readPolicyKey } from './tpm/signed.ts';
export { findPolicyVersion } from './tpm/signed-version.ts';
export type { Verified } from './verified.ts';
