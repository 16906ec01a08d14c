export { FolderStore } from './folder-store.js';
export { openArtifactStore, type OpenOptions } from './open-store.js';
export { S3Store, type S3StoreOptions } from './s3-store.js';
export { assertDigest, type Artifact, type ArtifactStore, type Digest, type Expectation, type StoredArtifact } from './store.js';
