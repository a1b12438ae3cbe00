<?php
// PHP's built-in server asks this file: /PREFIX/... is the WordPress with that prefix.
$path = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
if ( '/-/copy' === $path ) {
	copy_site( $_GET['site'], $_GET['permalinks'], json_decode( $_GET['meta'] ) );
	exit;
}
if ( ! preg_match( '#^/([a-z][a-z0-9]*)(/.*)$#', $path, $parts ) ) {
	http_response_code( 404 );
	exit;
}
$_SERVER['IGNY8_SITE'] = $parts[1];
$file = $_SERVER['DOCUMENT_ROOT'] . $parts[2];
if ( '/' !== $parts[2] && is_file( $file ) && '.php' !== substr( $file, -4 ) ) {
	header( 'Content-Type: ' . ( mime_content_type( $file ) ?: 'application/octet-stream' ) );
	readfile( $file );
	exit;
}
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/' . $parts[1] . '/index.php';
$_SERVER['SCRIPT_FILENAME'] = $_SERVER['DOCUMENT_ROOT'] . '/index.php';
chdir( $_SERVER['DOCUMENT_ROOT'] );
require $_SERVER['DOCUMENT_ROOT'] . '/index.php';

/** Copy the tables of the template under another prefix: a WordPress in a few hundredths of a second. */
function copy_site( $site, $permalinks, $meta ) {
	$db = new mysqli( null, 'root', '', 'wordpress', 0, getenv( 'IGNY8_WORDPRESS_RUN' ) . '/db.sock' );
	foreach ( $db->query( "SHOW TABLES LIKE 'wp\\_%'" )->fetch_all() as list( $table ) ) {
		$copy = $site . substr( $table, 2 );
		$db->query( "DROP TABLE IF EXISTS $copy" );
		$db->query( "CREATE TABLE $copy LIKE $table" );
		$db->query( "INSERT INTO $copy SELECT * FROM $table" );
	}
	// Numbers of deleted pages of the template mean something yet: the page of the privacy policy has its own rights.
	$db->query( "ALTER TABLE {$site}_posts AUTO_INCREMENT = 100" );
	$home = $db->real_escape_string( 'http://' . $_SERVER['HTTP_HOST'] . '/' . $site );
	$meta = $db->real_escape_string( serialize( $meta ) );
	$structure = $db->real_escape_string( $permalinks );
	$db->query( "UPDATE {$site}_options SET option_value = '$home' WHERE option_name IN ('siteurl', 'home')" );
	$db->query( "UPDATE {$site}_options SET option_value = '$structure' WHERE option_name = 'permalink_structure'" );
	$db->query( "UPDATE {$site}_options SET option_name = '{$site}_user_roles' WHERE option_name = 'wp_user_roles'" );
	$db->query( "INSERT INTO {$site}_options (option_name, option_value) VALUES ('igny8_meta', '$meta')" );
	$db->query( "UPDATE {$site}_usermeta SET meta_key = CONCAT('$site', SUBSTR(meta_key, 3)) WHERE meta_key LIKE 'wp\\_%'" );
	$uploads = $_SERVER['DOCUMENT_ROOT'] . '/wp-content/uploads/' . $site;
	if ( is_dir( $uploads ) ) {
		$files = new RecursiveIteratorIterator( new RecursiveDirectoryIterator( $uploads, FilesystemIterator::SKIP_DOTS ) );
		foreach ( $files as $file ) {
			unlink( $file );
		}
	}
	echo 'made';
}
